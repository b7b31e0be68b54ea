import { HOUR } from '../../../contracts/money/quantity.js'
import { systemClock } from '../../base/clock.js'
import type { Clock } from '../../base/clock.js'

/** How long a relay that failed is asked after the others, ms. */
const REMEMBERED = 6 * HOUR
/** Most relays that are remembered; the one that failed first is forgotten. */
const MOST = 256

/**
 * Relays that did not do what they said, or said nothing, in memory. They are asked after the others and are believed
 * only where there is no other: nobody is cut off on the word of one observation.
 */
export class RelayRecord {
  readonly #clock: Clock
  /** When each failed, on the monotonic clock, by device in hex; the oldest first. */
  readonly #failed = new Map<string, number>()

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** Number of relays that are asked last. */
  get size(): number {
    return [...this.#failed.values()].filter(at => this.#isRecent(at)).length
  }

  failed(device: Buffer): void {
    const id = device.toString('hex')
    this.#failed.delete(id)
    this.#failed.set(id, this.#clock.monotonic())
    if (this.#failed.size > MOST) this.#failed.delete(this.#failed.keys().next().value!)
  }

  /** Call when the relay did what it said. */
  kept(device: Buffer): void {
    this.#failed.delete(device.toString('hex'))
  }

  hasFailed(device: Buffer): boolean {
    const at = this.#failed.get(device.toString('hex'))
    return at !== undefined && this.#isRecent(at)
  }

  /** The relays in the order in which to ask them. */
  ranked<T extends { device: Buffer }>(relays: readonly T[]): T[] {
    const failed = relays.filter(({ device }) => this.hasFailed(device))
    return [...relays.filter(relay => !failed.includes(relay)), ...failed]
  }

  #isRecent(at: number): boolean {
    return this.#clock.monotonic() - at < REMEMBERED
  }
}
