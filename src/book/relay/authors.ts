import { systemClock } from '../../base/clock.js'
import type { Clock } from '../../base/clock.js'

/** How long the devices of a book are believed, and how soon they are read again for one that is not among them, ms. */
const FRESH_FOR = 10 * 60_000
const AGAIN_AFTER = 10_000

/** The devices with live orders on a book, which is read whole for them, so not for each question. */
export class Authors {
  readonly #read: () => Promise<Set<string>>
  readonly #clock: Clock
  #devices: ReadonlySet<string> = new Set()
  #at = -Infinity
  #reading: Promise<void> | null = null

  constructor(read: () => Promise<Set<string>>, clock: Clock = systemClock) {
    this.#read = read
    this.#clock = clock
  }

  async has(device: Buffer): Promise<boolean> {
    const id = device.toString('hex')
    const age = this.#clock.monotonic() - this.#at
    if (age > (this.#devices.has(id) ? FRESH_FOR : AGAIN_AFTER)) {
      this.#reading ??= this.#renew().finally(() => (this.#reading = null))
      await this.#reading
    }
    return this.#devices.has(id)
  }

  async #renew(): Promise<void> {
    this.#at = this.#clock.monotonic()
    this.#devices = await this.#read()
  }
}
