import { systemClock } from '../clock.js'
import type { Clock } from '../clock.js'

/** Results that took less, ms, are made anew each time. */
const CHEAP = 100
/** A result is used again for so many times as long as it took: making takes a tenth of the time at most. */
const TIMES = 10
/** Longest use, ms. */
const LONGEST = 10_000
/** Results that are kept; the one made first goes. */
const MOST = 8

/** Results that took long to make, used again for a while: who asks often is answered from what was true a moment ago. */
export class Recent<T> {
  readonly #clock: Clock
  readonly #made = new Map<string, { result: T; until: number }>()

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** The result of this name, or a new one. Rejects as `make` does. */
  async of(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.#made.get(name)
    const begun = this.#clock.monotonic()
    if (known && begun < known.until) return known.result
    this.#made.delete(name)
    const result = await make()
    const now = this.#clock.monotonic()
    const took = now - begun
    if (took >= CHEAP) this.#made.set(name, { result, until: now + Math.min(TIMES * took, LONGEST) })
    const [first] = this.#made.keys()
    if (this.#made.size > MOST) this.#made.delete(first!)
    return result
  }
}
