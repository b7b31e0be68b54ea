/** ms after which something is tried again: first, and at most; in between twice as long each time. */
export interface Retry {
  first: number
  last: number
}

/** What a provider that is away is asked for by a node that is up. */
export const RETRY: Retry = { first: 60_000, last: 6 * 3_600_000 }

/** Says when it is time to try something again, which is ever more rarely. */
export class Backoff {
  readonly #now: () => number
  readonly #retry: Retry
  readonly #next = new Map<string, { at: number; delay: number }>()

  constructor(now: () => number, retry: Retry = RETRY) {
    this.#now = now
    this.#retry = retry
  }

  /** True when it is to be tried now; the time after this one is set then. */
  due(id: Buffer): boolean {
    const key = id.toString('hex')
    const next = this.#next.get(key)
    if (next && next.at > this.#now()) return false
    const { first, last } = this.#retry
    const delay = Math.min(next ? next.delay * 2 : first, last)
    this.#next.set(key, { at: this.#now() + delay, delay })
    return true
  }

  /** It is due at once, and then as at the beginning. */
  reset(id: Buffer): void {
    this.#next.delete(id.toString('hex'))
  }
}
