import { systemClock } from '../../base/clock.js'
import type { Clock } from '../../base/clock.js'
import { pause } from '../../base/timeouts.js'

/** Most orders in one block of a writer. */
const MOST_IN_A_BLOCK = 48

/** Shortest time from one append to the next, ms, unless a block is full: an append costs as much for one as for many. */
const APART = 100

/**
 * Batches accepted records: those that come during an append, or shortly after it, are written together in the next one.
 * An order that comes alone after a while is written at once.
 */
export class Outbox {
  readonly #append: (orders: Buffer[]) => Promise<void>
  #waiting: { order: Buffer; done: () => void; failed: (error: unknown) => void }[] = []
  #writing = false
  /** When the last append ended, on the monotonic clock. */
  #last = -APART
  readonly #clock: Clock

  constructor(append: (orders: Buffer[]) => Promise<void>, clock: Clock = systemClock) {
    this.#append = append
    this.#clock = clock
  }

  /** Resolves when the record is on disk and applied. */
  async put(order: Buffer): Promise<void> {
    await new Promise<void>((done, failed) => {
      this.#waiting.push({ order, done, failed })
      if (!this.#writing) void this.#write()
    })
  }

  async #write(): Promise<void> {
    this.#writing = true
    await null // collects the records of this turn
    while (this.#waiting.length > 0) {
      const early = this.#last + APART - this.#clock.monotonic()
      if (early > 0 && this.#waiting.length < MOST_IN_A_BLOCK) await pause(early, undefined, this.#clock)
      const batch = this.#waiting.splice(0, MOST_IN_A_BLOCK)
      try {
        await this.#append(batch.map(({ order }) => order))
        for (const { done } of batch) done()
      } catch (error) {
        for (const { failed } of batch) failed(error)
      }
      this.#last = this.#clock.monotonic()
    }
    this.#writing = false
  }
}
