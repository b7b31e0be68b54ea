import { BushelError } from '../../../contracts/errors.js'
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
}

/** s; then it is asked again. */
const WAIT = 30
const MARGIN = 10_000
const FIRST_DELAY = 200
const LAST_DELAY = 5_000
/** lightningd: nothing was paid in that time. */
const TIMED_OUT = 904

/** Follows what is paid to this node, in the order of `pay_index`, from the last one that was stored. */
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
    const { payIndex, wait, onsettled } = this.#options
    let index = payIndex.get()
    let delay = FIRST_DELAY
    while (!this.#stop.signal.aborted) {
      try {
        const invoice = await wait({ lastpay_index: index.toString(), timeout: WAIT }, WAIT * 1000 + MARGIN)
        delay = FIRST_DELAY
        onsettled(invoice)
        index = BigInt(invoice.pay_index ?? index)
        await payIndex.set(index)
      } catch (error) {
        if (error instanceof ClnError && error.rpc === TIMED_OUT) continue
        // lightningd is away, or is another: whoever calls hears of it. Here it is only waited for.
        if (!(error instanceof BushelError)) throw error
        await this.#pause(delay)
        delay = Math.min(delay * 2, LAST_DELAY)
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      if (this.#stop.signal.aborted) return resolve()
      const timer = setTimeout(done, ms)
      this.#stop.signal.addEventListener('abort', done, { once: true })
      const stop = this.#stop
      function done(): void {
        clearTimeout(timer)
        stop.signal.removeEventListener('abort', done)
        resolve()
      }
    })
  }
}
