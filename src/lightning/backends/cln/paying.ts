import { isWalletAway } from '../../away.js'
import { setTimeout as pause } from 'node:timers/promises'
import { BushelError } from '../../../../contracts/errors/error.js'
import { paymentHashOf } from '../../invoice.js'
import type { PaymentState } from '../../wallet.js'
import type { ListedPay } from './answers.js'
import { ClnError } from './client.js'
import type { ClnNode } from './node.js'
import { paymentState } from './records.js'

export interface PayingOptions {
  node: ClnNode
  /** Between two looks at a payment that is under way, ms. */
  pollMs: number
  /** Nothing is waited for any more. */
  stopped: () => boolean
}

/**
 * Sends payments. What became of one is read from lightningd's records, by its hash: an error of `pay`, or no answer
 * at all, says nothing of that.
 */
export class Paying {
  readonly #options: PayingOptions

  constructor(options: PayingOptions) {
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
    // Whatever `pay` said, or did not: what became of the payment stands in the records.
    const state = await this.#recorded(hash, refusal ? performance.now() : until)
    if (state.status === 'succeeded' || state.status === 'pending') return state
    if (refusal) return { status: 'failed', reason: reasonOf(refusal) }
    return state.status === 'unknown' ? { status: 'pending' } : state
  }

  /** What stands in the records of a payment now. */
  async state(hash: Buffer): Promise<PaymentState> {
    const params = { payment_hash: hash.toString('hex') }
    return paymentState((await this.#options.node.call<{ pays: ListedPay[] }>('listpays', params)).pays)
  }

  /** What stands in the records of a payment that was sent; a lightningd that is away is waited for until then. */
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

  /** The state of a payment when it is final, or as it stands when the time is over. */
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
  203: 'the payee does not know the invoice (any more)',
  205: 'no route, or not enough on the way',
  206: 'the route would cost more than the fee limit',
  207: 'the invoice has expired',
  210: 'no route within the time limit'
}

function reasonOf({ rpc, message }: ClnError): string {
  const reason = REASONS[rpc]
  return reason ? `${reason} (${rpc})` : message
}

/** True when only lightningd's records can tell whether something was done. */
function isUnanswered(error: unknown): boolean {
  return isWalletAway(error) || (error instanceof BushelError && error.code === 'WALLET_CLOSED')
}
