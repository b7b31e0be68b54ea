/** ms after which something is tried again: first, and at most; in between `factor` times as long each time. */
export interface Retry {
  first: number
  last: number
  /** 2 by default. */
  factor?: number
}

/** What a provider that is away is asked for by a node that is up. */
const RETRY: Retry = { first: 60_000, last: 6 * 3_600_000 }

/** Says when something is to be tried again, which is ever more rarely. */
export class Backoff {
  readonly #retry: Retry
  readonly #now: () => number
  #tries = 0
  #dueAt = -Infinity

  /** `now` is needed for `isDue` alone. */
  constructor(retry: Retry = RETRY, now: () => number = () => performance.now()) {
    this.#retry = retry
    this.#now = now
  }

  /** Delays that were given since the beginning, or since it was reset. */
  get tries(): number {
    return this.#tries
  }

  /** ms to wait before the next try, longer each time. */
  next(): number {
    const { first, last, factor = 2 } = this.#retry
    return Math.min(first * factor ** this.#tries++, last)
  }

  /** True when it is to be tried now; the time after this one is set then. */
  isDue(): boolean {
    const now = this.#now()
    if (this.#dueAt > now) return false
    this.#dueAt = now + this.next()
    return true
  }

  /** It is due at once, and then as at the beginning. */
  reset(): void {
    this.#tries = 0
    this.#dueAt = -Infinity
  }
}

/** One backoff a key. */
export class KeyedBackoff {
  readonly #retry: Retry
  readonly #now: () => number
  readonly #keys = new Map<string, Backoff>()

  constructor(retry: Retry = RETRY, now: () => number = () => performance.now()) {
    this.#retry = retry
    this.#now = now
  }

  isDue(key: Buffer): boolean {
    const id = key.toString('hex')
    let backoff = this.#keys.get(id)
    if (!backoff) this.#keys.set(id, (backoff = new Backoff(this.#retry, this.#now)))
    return backoff.isDue()
  }

  reset(key: Buffer): void {
    this.#keys.delete(key.toString('hex'))
  }
}
