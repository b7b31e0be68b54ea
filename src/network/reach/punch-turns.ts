import { systemClock } from '../../base/clock.js'
import type { Clock } from '../../base/clock.js'

/** A device whose dial has not come back for so long, ms, waits no more. */
const WAITS = 30_000
/** Most devices that are remembered. */
const MOST = 256

/**
 * Whose turn it is. hyperdht punches towards random ports for one device at a time, for up to 35 s, and then pauses for 20 s:
 * whoever dialled first again would get it every time, also a device that answers and lets nothing through.
 */
export class PunchTurns {
  readonly #clock: Clock
  /** When each device asked last and had its last turn; the one that asked first comes first. */
  readonly #asked = new Map<string, { at: number; turn: number }>()

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  /** Whether the device may punch now; it has to ask again otherwise. `isFree`: no other punch is under way. */
  mayPunch(device: string, isFree: boolean): boolean {
    const now = this.#clock.monotonic()
    const own = this.#asked.get(device) ?? { at: now, turn: -Infinity }
    own.at = now
    this.#asked.set(device, own)
    if (this.#asked.size > MOST) this.#asked.delete(this.#asked.keys().next().value!)
    // hyperdht refuses by itself, or waits where a forwarder bridges the time.
    if (!isFree) return true
    const waiting = [...this.#asked.values()].filter(({ at }) => now - at <= WAITS)
    if (waiting.some(({ turn }) => turn < own.turn)) return false
    own.turn = now
    return true
  }
}
