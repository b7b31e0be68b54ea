import { BushelError } from '../../../../contracts/errors/error.js'
import { Backoff } from '../../../base/backoff.js'
import { pause } from '../../../base/timeouts.js'
import { ClnError } from './client.js'
import type { ListedInvoice } from './answers.js'

/** Storage of the `pay_index` of the last emitted settlement. */
export interface PayIndex {
  get(): bigint
  /** On disk when it resolves. */
  set(index: bigint): Promise<void>
}

export interface SettlementsOptions {
  payIndex: PayIndex
  /** `waitanyinvoice`. */
  wait(params: { lastpay_index: string; timeout: number }, timeoutMs: number): Promise<ListedInvoice>
  onsettled(invoice: ListedInvoice): void
  onfault(error: unknown): void
  /** Waits between attempts; tests give their own. */
  pause?: typeof pause
}

/** Length of one `waitanyinvoice` request, s. */
const WAIT = 30
const MARGIN = 10_000
/** Pause after an error, ms. */
const RETRY = { first: 200, last: 5_000 }
/** lightningd's code for: no invoice was paid in that time. */
const TIMED_OUT = 904

/**
 * Reports the payments that this node receives, in the order of `pay_index`, starting after the stored one. Only `close`
 * ends it: after an error it reports the error, pauses and continues.
 */
export class Settlements {
  readonly #options: SettlementsOptions
  readonly #stop = new AbortController()
  #loop: Promise<void> = Promise.resolve()

  constructor(options: SettlementsOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop = this.#follow()
  }

  /** Call after the client is closed, so that no request is pending. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }

  async #follow(): Promise<void> {
    const { payIndex, wait, onfault, pause: rest = pause } = this.#options
    let index = payIndex.get()
    const backoff = new Backoff(RETRY)
    while (!this.#stop.signal.aborted) {
      try {
        const invoice = await wait({ lastpay_index: index.toString(), timeout: WAIT }, WAIT * 1000 + MARGIN)
        const next = BigInt(invoice.pay_index ?? 0)
        if (next <= index) throw new Error(`lightningd reported payment ${next} again`)
        index = next
        this.#tell(invoice)
        await payIndex.set(index)
        backoff.reset()
      } catch (error) {
        if (error instanceof ClnError && error.rpc === TIMED_OUT) continue
        // lightningd does not answer, or is another node: other calls report that, so this loop only waits.
        if (!(error instanceof BushelError)) onfault(error)
        await rest(backoff.next(), this.#stop.signal).catch(() => undefined) // closed: the loop ends
      }
    }
  }

  /** Emits a settlement once, even when a listener throws: the payment can still be found by its hash. */
  #tell(invoice: ListedInvoice): void {
    try {
      this.#options.onsettled(invoice)
    } catch (error) {
      this.#options.onfault(error)
    }
  }
}
