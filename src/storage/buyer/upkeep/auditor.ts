import type { BuyerLease } from '../buyer-lease.js'

/** Providers that are audited at the same time. */
const AT_ONCE = 8

/**
 * Audits copies beside all other work, so that a silent provider delays no payment: a few providers at a time, each about one
 * copy after the other.
 */
export class Auditor {
  readonly #audit: (copy: BuyerLease, signal: AbortSignal) => Promise<void>
  readonly #over = new AbortController()
  readonly #waiting = new Map<string, BuyerLease>()
  /** By device: the copy that is being audited. */
  readonly #asked = new Map<string, { id: string; done: Promise<void> }>()

  /** `audit` must not reject. */
  constructor(audit: (copy: BuyerLease, signal: AbortSignal) => Promise<void>) {
    this.#audit = audit
  }

  /** Audits a copy soon, once. */
  add(copy: BuyerLease): void {
    const id = copy.id.toString('hex')
    if (this.#over.signal.aborted || [...this.#asked.values()].some(asked => asked.id === id)) return
    this.#waiting.set(id, copy)
    this.#next()
  }

  /** True while a copy of this provider is audited: a connection to it says nothing then. */
  asks(device: Buffer): boolean {
    return this.#asked.has(device.toString('hex'))
  }

  /** Resolves when nothing waits and nothing is asked. */
  async idle(): Promise<void> {
    while (this.#asked.size > 0) await Promise.all([...this.#asked.values()].map(({ done }) => done))
  }

  async close(): Promise<void> {
    this.#waiting.clear()
    this.#over.abort(new Error('the node stops'))
    await this.idle()
  }

  #next(): void {
    for (const [id, copy] of this.#waiting) {
      if (this.#asked.size >= AT_ONCE) return
      const device = copy.provider.toString('hex')
      if (this.#asked.has(device)) continue
      this.#waiting.delete(id)
      const done = this.#audit(copy, this.#over.signal).finally(() => {
        this.#asked.delete(device)
        this.#next()
      })
      this.#asked.set(device, { id, done })
    }
  }
}
