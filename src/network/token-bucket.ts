export interface TokenLimits {
  start: number
  most: number
  perSecond: number
}

/** Limits a rate: a burst, and refill over time. The caller chooses the unit. */
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

  /** Spends tokens; false, and nothing is spent, when fewer are left. */
  spend(tokens: number): boolean {
    const now = performance.now()
    this.#tokens = Math.min(this.#most, this.#tokens + ((now - this.#filledAt) / 1000) * this.#perSecond)
    this.#filledAt = now
    if (this.#tokens < tokens) return false
    this.#tokens -= tokens
    return true
  }
}
