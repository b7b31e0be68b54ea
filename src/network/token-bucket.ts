export interface TokenLimits {
  start: number
  most: number
  perSecond: number
}

/** What may be spent at once and over time. Units are the caller's. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #most: number
  #tokens: number
  #filledAt = performance.now()

  constructor(limits: TokenLimits) {
    this.#tokens = limits.start
    this.#most = limits.most
    this.#perSecond = limits.perSecond
  }

  /** False when there is less than that: nothing is spent. */
  spend(tokens: number): boolean {
    const now = performance.now()
    this.#tokens = Math.min(this.#most, this.#tokens + ((now - this.#filledAt) / 1000) * this.#perSecond)
    this.#filledAt = now
    if (this.#tokens < tokens) return false
    this.#tokens -= tokens
    return true
  }
}
