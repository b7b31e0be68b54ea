import { MAX_SIGHTINGS } from '../../contracts/schema/counts.js'
import { MINUTE } from '../../contracts/money/quantity.js'

/** A device seen this recently by a relay counts as alive. Sellers stay connected to their relays. */
const ALIVE_FOR = 30 * MINUTE
/** An answer is used again for so long, ms. */
const FRESH_FOR = MINUTE
/** Most answers that are kept. */
const MOST_KEPT = 16_384
/** Most relays that are asked, and most questions to one at the same time. */
const RELAYS_ASKED = 3
const QUESTIONS_AT_ONCE = 4

/** The time at which a relay last saw each device, ms since 1970, by the device in hex. */
export type Sightings = ReadonlyMap<string, number>

/** True when a relay has seen the device lately. A relay may lie: this decides who is dialled first, and nothing else. */
export function isAlive(seen: number | null, now: number): boolean {
  return seen !== null && now - seen <= ALIVE_FOR
}

/** The channel to a relay. */
interface Seer {
  /** How long ago the relay saw these devices, ms; null for one that it did not see. */
  seenAgo(devices: Buffer[]): Promise<(number | null)[]>
}

export interface SightingBookOptions {
  relays: () => Seer[]
  /** What this node has seen as a relay: how long ago, ms. */
  own: (device: Buffer) => number | null
  now: () => number
}

/** When the relays of a market have seen devices. */
export class SightingBook {
  readonly #options: SightingBookOptions
  /** Answers by device in hex, null for a device that no relay has seen; the oldest first. */
  readonly #kept = new Map<string, { asked: number; seen: number | null }>()

  constructor(options: SightingBookOptions) {
    this.#options = options
  }

  /** The newest sighting of each of these devices that was seen. A relay that does not answer in time is left out. */
  async of(devices: readonly Buffer[]): Promise<Sightings> {
    const { own, now } = this.#options
    const wanted = new Map(devices.map(device => [device.toString('hex'), device]))
    const since = now() - FRESH_FOR
    const unknown = [...wanted].filter(([id]) => (this.#kept.get(id)?.asked ?? -1) < since)
    if (unknown.length > 0) await this.#ask(new Map(unknown))
    const found = new Map<string, number>()
    for (const [id, device] of wanted) {
      const ago = own(device)
      const seen = Math.max(this.#kept.get(id)?.seen ?? -1, ago === null ? -1 : now() - ago)
      if (seen >= 0) found.set(id, seen)
    }
    return found
  }

  async #ask(devices: ReadonlyMap<string, Buffer>): Promise<void> {
    const { relays, now } = this.#options
    const asked = relays().slice(0, RELAYS_ASKED)
    if (asked.length === 0) return
    const found = new Map<string, number>()
    const answers = await Promise.all(asked.map(relay => this.#askOne(relay, [...devices], found)))
    // Silence of every relay says nothing.
    if (!answers.includes(true)) return
    for (const id of devices.keys()) {
      this.#kept.delete(id)
      this.#kept.set(id, { asked: now(), seen: found.get(id) ?? null })
    }
    for (const id of this.#kept.keys()) {
      if (this.#kept.size <= MOST_KEPT) break
      this.#kept.delete(id)
    }
  }

  /** Asks a relay about all devices and adds what it has seen; false when it stops answering. */
  async #askOne(relay: Seer, devices: [string, Buffer][], found: Map<string, number>): Promise<boolean> {
    const { now } = this.#options
    const questions: [string, Buffer][][] = []
    for (let i = 0; i < devices.length; i += MAX_SIGHTINGS)
      questions.push(devices.slice(i, i + MAX_SIGHTINGS))
    const work = async (): Promise<void> => {
      for (let some = questions.shift(); some; some = questions.shift()) {
        const agos = await relay.seenAgo(some.map(([, device]) => device))
        for (const [i, [id]] of some.entries()) {
          const ago = agos[i] ?? null
          if (ago !== null) found.set(id, Math.max(found.get(id) ?? 0, now() - ago))
        }
      }
    }
    try {
      await Promise.all(Array.from({ length: QUESTIONS_AT_ONCE }, work))
      return true
    } catch {
      return false // it went away, or is slow: its word only orders the sellers
    }
  }
}
