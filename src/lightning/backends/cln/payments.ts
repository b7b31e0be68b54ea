import { trustedNow } from '../../../base/time/trusted-time.js'
import { isWalletAway } from '../../away.js'
import { setTimeout as pause } from 'node:timers/promises'
import { BushelError } from '../../../../contracts/errors/error.js'
import { paymentHashOf } from '../../invoice.js'
import type { PaymentState } from '../../payment-records.js'
import type { ListedPay } from './answers.js'
import { ClnError, isNoCommand } from './client.js'
import { NeverLeft } from './never-left.js'
import type { ClnNode } from './node.js'
import { paymentState } from './records.js'

export interface ClnPaymentsOptions {
  node: ClnNode
  /** Time between two polls of a pending payment, ms. */
  pollMs: number
  /** True when the wallet is closing: polling ends. */
  stopped: () => boolean
}

/**
 * Sends payments. Reads the outcome from lightningd's records by payment hash, because neither an error of `pay` nor a
 * missing answer proves an outcome.
 */
export class ClnPayments {
  readonly #options: ClnPaymentsOptions
  readonly #neverLeft: NeverLeft

  constructor(options: ClnPaymentsOptions) {
    this.#options = options
    this.#neverLeft = new NeverLeft(options.node)
  }

  async pay(
    invoice: string,
    { maxFeeMsat, timeoutMs }: { maxFeeMsat: bigint; timeoutMs: number }
  ): Promise<PaymentState> {
    const { node } = this.#options
    const hash = paymentHashOf(invoice)
    const until = performance.now() + timeoutMs
    const before = await this.state(hash)
    if (before.status === 'succeeded') return before
    if (before.status === 'pending') return this.#recorded(hash, until)
    if (before.status === 'failed' && before.dead) return before
    await node.demandSynced()
    let refusal: ClnError | null = null
    try {
      await this.#send(invoice, maxFeeMsat, timeoutMs)
    } catch (error) {
      if (error instanceof ClnError) refusal = error
      else if (!isUnanswered(error)) throw error
    }
    // The answer of `pay` does not count; the records have the outcome.
    const state = await this.#recorded(hash, refusal ? performance.now() : until)
    if (state.status === 'succeeded' || state.status === 'pending') return state
    if (refusal) return this.#failed(refusal)
    if (state.status === 'unknown') return { status: 'pending' }
    return state.dead ? state : { ...state, passing: true } // its reason was in the lost answer
  }

  /** The current state of a payment in the records. */
  async state(hash: Buffer): Promise<PaymentState> {
    const params = { payment_hash: hash.toString('hex') }
    const { pays } = await this.#options.node.call<{ pays: ListedPay[] }>('listpays', params)
    const state = paymentState(pays)
    if (state.status !== 'pending') return state
    const begun = pays.filter(({ status }) => status === 'pending').map(pay => pay.created_at)
    return (await this.#neverLeft.holds(hash, begun)) ? NEVER_LEFT : state
  }

  /** `xpay` where there is one: it takes the place of `pay`, which goes. */
  async #send(invoice: string, maxFeeMsat: bigint, timeoutMs: number): Promise<void> {
    const { node } = this.#options
    const how = {
      maxfee: maxFeeMsat.toString(),
      retry_for: Math.max(1, Math.floor(timeoutMs / 1000))
    }
    try {
      await node.call('xpay', { invstring: invoice, ...how }, timeoutMs, { waits: true })
    } catch (error) {
      if (!isNoCommand(error)) throw error
      await node.call('pay', { bolt11: invoice, ...how }, timeoutMs, { waits: true })
    }
  }

  /**
   * A refusal as the state of the payment. Where xpay takes a channel for full, which it does for an hour after one failure,
   * it is made to forget that: a channel may be full, or away, for seconds only.
   */
  async #failed(refusal: ClnError): Promise<PaymentState> {
    const reason = reasonOf(refusal)
    if (!PASSING.has(refusal.rpc)) return { status: 'failed', reason }
    if (REMEMBERED.test(refusal.message)) {
      const params = { layer: 'xpay', cutoff: Math.floor(trustedNow() / 1000) + 1 }
      await this.#options.node.call('askrene-age', params).catch((error: unknown) => {
        if (!(error instanceof ClnError) && !isUnanswered(error)) throw error
      })
    }
    return { status: 'failed', reason, passing: true }
  }

  /** The recorded state of a sent payment; while lightningd does not answer, tries again until `until`. */
  async #recorded(hash: Buffer, until: number): Promise<PaymentState> {
    for (;;) {
      try {
        return await this.#final(hash, until)
      } catch (error) {
        if (!isUnanswered(error)) throw error
        const left = until - performance.now()
        if (left <= 0 || this.#options.stopped()) return { status: 'pending' }
        await pause(Math.min(this.#options.pollMs, left))
      }
    }
  }

  /** Polls until the state is final or the time is over, and returns the last state. */
  async #final(hash: Buffer, until: number): Promise<PaymentState> {
    for (;;) {
      const state = await this.state(hash)
      const left = until - performance.now()
      if (state.status !== 'pending' || left <= 0 || this.#options.stopped()) return state
      await pause(Math.min(this.#options.pollMs, left))
    }
  }
}

const NEVER_LEFT: PaymentState = {
  status: 'failed',
  reason: 'lightningd was stopped before it sent it, and will never send it',
  dead: true
}

/** Codes of failures that may not meet a later try: no route, too dear, given up, out of time. */
const PASSING = new Set([205, 206, 209, 210])
const REMEMBERED = /layer xpay says|assuming it can't carry/

const REASONS: Record<number, string> = {
  203: 'the payee does not know the invoice, or no longer',
  205: 'no route with enough capacity',
  206: 'the route would cost more than the fee limit',
  207: 'the invoice has expired',
  209: 'every route failed',
  210: 'no route within the time limit'
}

function reasonOf({ rpc, message }: ClnError): string {
  const reason = REASONS[rpc]
  return reason ? `${reason} (${rpc})` : message
}

/** Whether a call failed without an answer, so that only lightningd's records tell whether it was carried out. */
function isUnanswered(error: unknown): boolean {
  return isWalletAway(error) || (error instanceof BushelError && error.code === 'WALLET_CLOSED')
}
