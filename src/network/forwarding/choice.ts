import { systemClock } from '../../base/clock.js'
import type { Clock } from '../../base/clock.js'

/** How long a forwarder that did not answer is asked after the others, ms. */
const REMEMBERED = 60_000
/** Most forwarders that are remembered for it. */
const MOST = 256

/** Which of the forwarders that are known now to offer to the other side of a connection. */
export class ForwarderChoice {
  readonly #clock: Clock
  readonly #failed = new Map<string, number>()
  #known: () => readonly Buffer[] = () => []

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** Who knows the forwarders. */
  use(known: () => readonly Buffer[]): void {
    this.#known = known
  }

  get size(): number {
    return this.#known().length
  }

  /** The first one that has not failed lately; when all have, the one whose failure is longest ago. Null without any. */
  pick(): Buffer | null {
    const ranked = this.#known().map(key => ({ key, at: this.#failedAt(key) }))
    return ranked.sort((a, b) => a.at - b.at)[0]?.key ?? null
  }

  /** Call when the forwarder did not answer, or refused. */
  failed(key: Buffer): void {
    const id = key.toString('hex')
    this.#failed.delete(id)
    this.#failed.set(id, this.#clock.monotonic())
    if (this.#failed.size > MOST) this.#failed.delete(this.#failed.keys().next().value!)
  }

  /** Call when it answered. */
  answered(key: Buffer): void {
    this.#failed.delete(key.toString('hex'))
  }

  #failedAt(key: Buffer): number {
    const at = this.#failed.get(key.toString('hex'))
    return at === undefined || this.#clock.monotonic() - at > REMEMBERED ? -1 : at
  }
}
