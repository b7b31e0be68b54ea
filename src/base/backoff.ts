/** Delays between tries, ms: the first, then `factor` times the previous one, up to the last. */
export interface Retry {
  first: number
  last: number
  /** 2 by default. */
  factor?: number
}

/** For requests of a running node to a provider that is offline. */
const RETRY: Retry = { first: 60_000, last: 6 * 3_600_000 }

/** Spaces retries ever further apart. */
export class Backoff {
  readonly #retry: Retry
  readonly #now: () => number
  #tries = 0
  #dueAt = -Infinity

  /** `now` is only used by `isDue`. */
  constructor(retry: Retry = RETRY, now: () => number = () => performance.now()) {
    this.#retry = retry
    this.#now = now
  }

  /** Delays given since the start or the last reset. */
  get tries(): number {
    return this.#tries
  }

  /** The delay before the next try, ms; longer each time. */
  next(): number {
    const { first, last, factor = 2 } = this.#retry
    return Math.min(first * factor ** this.#tries++, last)
  }

  /** True when a try is due now; the next one is then scheduled. */
  isDue(): boolean {
    const now = this.#now()
    if (this.#dueAt > now) return false
    this.#dueAt = now + this.next()
    return true
  }

  /** Makes a try due at once and starts over with the first delay. */
  reset(): void {
    this.#tries = 0
    this.#dueAt = -Infinity
  }
}

/** One backoff per key. */
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
