import { systemClock } from './clock.js'

export interface Rate {
  /** Most tokens, which can be spent at once. */
  burst: number
  /** Tokens of a new bucket; the burst by default. */
  start?: number
  /** Tokens added each second. */
  perSecond: number
}

/** Limits a rate: a burst at once, then as much as is refilled. */
export class TokenBucket {
  readonly #rate: Rate
  readonly #now: () => number
  #left: number
  #at: number

  /** `now` in ms; a clock that is set back neither adds nor removes tokens. */
  constructor(rate: Rate, now: () => number = () => systemClock.monotonic()) {
    this.#rate = rate
    this.#now = now
    this.#left = rate.start ?? rate.burst
    this.#at = now()
  }

  get left(): number {
    const { burst, perSecond } = this.#rate
    const now = this.#now()
    this.#left = Math.min(burst, this.#left + (Math.max(0, now - this.#at) * perSecond) / 1000)
    this.#at = now
    return this.#left
  }

  /** Spends the cost; false, and nothing is spent, when less is left. */
  spend(cost = 1): boolean {
    if (this.left < cost) return false
    this.#left -= cost
    return true
  }

  /** Spends the cost, or all that is left; false when less was left. */
  charge(cost: number): boolean {
    const left = this.left - cost
    this.#left = Math.max(left, 0)
    return left >= 0
  }
}

/** One bucket per key, for a bounded number of keys: beyond it the bucket unused for longest is dropped, so it is full again. */
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

  /** Spends the cost, or all that is left; false when less was left. */
  charge(key: Buffer, cost = 1): boolean {
    return this.#of(key).charge(cost)
  }

  /** Spends the cost; false, and nothing is spent, when less is left. */
  spend(key: Buffer, cost = 1): boolean {
    return this.#of(key).spend(cost)
  }

  #of(key: Buffer): TokenBucket {
    const id = key.toString('hex')
    const bucket = this.#buckets.get(id) ?? new TokenBucket(this.#rate, this.#now)
    this.#buckets.delete(id)
    this.#buckets.set(id, bucket) // keeps the map in order of last use
    if (this.#buckets.size > this.#most) this.#buckets.delete(this.#buckets.keys().next().value!)
    return bucket
  }

  left(key: Buffer): number {
    return this.#buckets.get(key.toString('hex'))?.left ?? this.#rate.burst
  }
}
