import { isWalletAway } from '../../away.js'
import { setTimeout as pause } from 'node:timers/promises'
import { BushelError } from '../../../../contracts/errors/error.js'
import { paymentHashOf } from '../../invoice.js'
import type { PaymentState } from '../../payment-records.js'
import type { ListedPay } from './answers.js'
import { ClnError } from './client.js'
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

  constructor(options: ClnPaymentsOptions) {
    this.#options = options
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
    await node.demandSynced()
    const request = {
      bolt11: invoice,
      maxfee: maxFeeMsat.toString(),
      retry_for: Math.max(1, Math.floor(timeoutMs / 1000))
    }
    let refusal: ClnError | null = null
    try {
      await node.call('pay', request, timeoutMs)
    } catch (error) {
      if (error instanceof ClnError) refusal = error
      else if (!isUnanswered(error)) throw error
    }
    // The answer of `pay` does not count; the records have the outcome.
    const state = await this.#recorded(hash, refusal ? performance.now() : until)
    if (state.status === 'succeeded' || state.status === 'pending') return state
    if (refusal) return { status: 'failed', reason: reasonOf(refusal) }
    return state.status === 'unknown' ? { status: 'pending' } : state
  }

  /** The current state of a payment in the records. */
  async state(hash: Buffer): Promise<PaymentState> {
    const params = { payment_hash: hash.toString('hex') }
    return paymentState((await this.#options.node.call<{ pays: ListedPay[] }>('listpays', params)).pays)
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

const REASONS: Record<number, string> = {
  203: 'the payee does not know the invoice, or no longer',
  205: 'no route with enough capacity',
  206: 'the route would cost more than the fee limit',
  207: 'the invoice has expired',
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
