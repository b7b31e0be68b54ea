import { BushelError } from '../../../../contracts/errors/error.js'
import { Backoff } from '../../../base/backoff.js'
import { pause } from '../../../base/timeouts.js'
import { ClnError } from './client.js'
import type { ListedInvoice } from './answers.js'

/** Where the last `pay_index` is kept that was told of. */
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
}

/** s; then it is asked again. */
const WAIT = 30
const MARGIN = 10_000
/** ms */
const AGAIN = { first: 200, last: 5_000 }
/** lightningd: nothing was paid in that time. */
const TIMED_OUT = 904

/**
 * Follows what is paid to this node, in the order of `pay_index`, from the last one that was stored. Nothing but `close`
 * ends it: a fault is reported, and after a pause it goes on.
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

  /** The calls under way must have been ended before. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }

  async #follow(): Promise<void> {
    const { payIndex, wait, onfault } = this.#options
    let index = payIndex.get()
    const backoff = new Backoff(AGAIN)
    while (!this.#stop.signal.aborted) {
      try {
        const invoice = await wait({ lastpay_index: index.toString(), timeout: WAIT }, WAIT * 1000 + MARGIN)
        const next = BigInt(invoice.pay_index ?? 0)
        if (next <= index) throw new Error(`lightningd told of payment ${next}, which it had told of before`)
        index = next
        this.#tell(invoice)
        await payIndex.set(index)
        backoff.reset()
      } catch (error) {
        if (error instanceof ClnError && error.rpc === TIMED_OUT) continue
        // lightningd is away, or is another: whoever calls hears of it. Here it is only waited for.
        if (!(error instanceof BushelError)) onfault(error)
        await pause(backoff.next(), this.#stop.signal).catch(() => undefined) // closed: the loop ends
      }
    }
  }

  /** What nobody could make anything of is not told again: the wallet is still asked for it by its hash. */
  #tell(invoice: ListedInvoice): void {
    try {
      this.#options.onsettled(invoice)
    } catch (error) {
      this.#options.onfault(error)
    }
  }
}
