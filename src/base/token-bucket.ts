import { systemClock } from './clock.js'

export interface Rate {
  /** Tokens that are there at first, and at most. */
  burst: number
  /** Tokens that come back each second. */
  perSecond: number
}

/** What somebody may spend: a burst, and then as much as comes back. */
export class TokenBucket {
  readonly #rate: Rate
  readonly #now: () => number
  #left: number
  #at: number

  /** `now` in ms; a clock that is set back gives nothing and takes nothing. */
  constructor(rate: Rate, now: () => number = () => systemClock.monotonic()) {
    this.#rate = rate
    this.#now = now
    this.#left = rate.burst
    this.#at = now()
  }

  get left(): number {
    const { burst, perSecond } = this.#rate
    const now = this.#now()
    this.#left = Math.min(burst, this.#left + (Math.max(0, now - this.#at) * perSecond) / 1000)
    this.#at = now
    return this.#left
  }

  /** False when less than the cost was left; then nothing is. */
  spend(cost = 1): boolean {
    const left = this.left - cost
    this.#left = Math.max(left, 0)
    return left >= 0
  }
}

/** A bucket a key, for so many keys: beyond that the one that has not spent for longest is forgotten, and is full again. */
export class KeyedTokenBuckets {
  readonly #rate: Rate
  readonly #most: number
  readonly #now: () => number
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(rate: Rate, most: number, now: () => number = () => systemClock.monotonic()) {
    this.#rate = rate
    this.#most = most
    this.#now = now
  }

  get size(): number {
    return this.#buckets.size
  }

  spend(key: Buffer, cost = 1): boolean {
    const id = key.toString('hex')
    const bucket = this.#buckets.get(id) ?? new TokenBucket(this.#rate, this.#now)
    this.#buckets.delete(id)
    this.#buckets.set(id, bucket) // the last to spend stands last
    if (this.#buckets.size > this.#most) this.#buckets.delete(this.#buckets.keys().next().value!)
    return bucket.spend(cost)
  }

  left(key: Buffer): number {
    return this.#buckets.get(key.toString('hex'))?.left ?? this.#rate.burst
  }
}
