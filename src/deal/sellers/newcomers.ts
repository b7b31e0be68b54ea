import { HOUR } from '../../../contracts/money/quantity.js'

/** After so long, ms, what newcomers did counts half. */
const HALF_LIFE = HOUR
/** As many first deals count as good before there were any. */
const TRUST = 4

/**
 * How identities fared that this node had never dealt with before. A fresh identity costs nothing, so what one of them did
 * says little about it alone, and much about the next: the more of them failed lately, the less a low price of an unknown
 * seller is worth. Kept in memory.
 */
export class Newcomers {
  readonly #now: () => number
  #failed = 0
  #served = 0
  #counted = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** Counts the first deal with an identity. */
  count(isGood: boolean): void {
    this.#fade()
    if (isGood) this.#served++
    else this.#failed++
  }

  /** The part of newcomers that fail, from 0 to below 1. */
  get risk(): number {
    this.#fade()
    return this.#failed / (this.#failed + this.#served + TRUST)
  }

  #fade(): void {
    const now = this.#now()
    const left = 2 ** (-Math.max(now - this.#counted, 0) / HALF_LIFE)
    this.#failed *= left
    this.#served *= left
    this.#counted = now
  }
}
