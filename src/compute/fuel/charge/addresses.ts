import { NEAR_SHIFT } from '../reach.js'
import type { Charges, Segment } from './charges.js'

/**
 * Which accesses of a segment are near an earlier one: their addresses come from the same local, which was not set between
 * them, and their offsets are in the same 256 bytes. A processor waits once for such neighbours.
 */
export class Addresses {
  readonly #charges: Charges
  #segment: Segment | null = null
  /** How often each local was set in this segment. */
  readonly #sets = new Map<number, number>()
  /** The local and its count that an operand came from, by the offset after the instruction that pushed it. */
  readonly #sources = new Map<number, string>()
  readonly #reached = new Set<string>()

  constructor(charges: Charges) {
    this.#charges = charges
  }

  /** A local was pushed by the instruction that ends at `at`. */
  got(local: number, at: number): void {
    this.#enter()
    this.#sources.set(at, `${local} ${this.#sets.get(local) ?? 0}`)
  }

  /** A local was set; `at` is the end of a tee, which leaves it on the stack too. */
  set(local: number, at: number | null): void {
    this.#enter()
    this.#sets.set(local, (this.#sets.get(local) ?? 0) + 1)
    if (at !== null) this.got(local, at)
  }

  /** Whether an access is near an earlier one. Its address was pushed by the instruction that ends at `at`. */
  isNear(at: number | undefined, offset: number): boolean {
    this.#enter()
    const source = at === undefined ? undefined : this.#sources.get(at)
    if (source === undefined) return false
    const place = `${source} ${offset >>> NEAR_SHIFT}`
    if (this.#reached.has(place)) return true
    this.#reached.add(place)
    return false
  }

  #enter(): void {
    if (this.#segment === this.#charges.current) return
    this.#segment = this.#charges.current
    this.#sets.clear()
    this.#sources.clear()
    this.#reached.clear()
  }
}
