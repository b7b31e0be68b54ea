import { MAX_SIGHTINGS } from '../../contracts/schema/counts.js'
import { MINUTE } from '../../contracts/money/quantity.js'

/** A device seen this recently by a relay counts as alive. Sellers stay connected to their relays. */
const ALIVE_FOR = 30 * MINUTE
/** An answer is used again for so long, ms. */
const FRESH_FOR = MINUTE
/** Most answers that are kept. */
const MOST_KEPT = 16_384
/** Relays that are asked at the same time and have to answer, most relays that are tried for it, and questions to one. */
const RELAYS_ASKED = 3
const RELAYS_TRIED = 9
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

export interface SightingBookOptions<S extends Seer> {
  /** In the order in which to ask them. */
  relays: () => S[]
  /** Called with a relay that did not answer. */
  onsilent?: (relay: S) => void
  /** What this node has seen as a relay: how long ago, ms. */
  own: (device: Buffer) => number | null
  now: () => number
}

/**
 * When the relays of a market have seen devices. One of three may lie: what counts is what two of them have seen. Sellers
 * are connected to every relay that they find.
 */
export class SightingBook<S extends Seer = Seer> {
  readonly #options: SightingBookOptions<S>
  /** Answers by device in hex, null for a device that no relay has seen; the oldest first. */
  readonly #kept = new Map<string, { asked: number; seen: number | null }>()

  constructor(options: SightingBookOptions<S>) {
    this.#options = options
  }

  /**
   * The newest sighting of each of these devices that was seen; where three relays answer, the second newest. Another relay
   * takes the place of one that does not answer in time.
   */
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
    const untried = relays().slice(0, RELAYS_TRIED)
    const words: Map<string, number>[] = []
    const work = async (): Promise<void> => {
      for (let relay = untried.shift(); relay; relay = untried.shift()) {
        const word = await this.#askOne(relay, [...devices])
        if (word) return void words.push(word)
        this.#options.onsilent?.(relay)
      }
    }
    await Promise.all(Array.from({ length: RELAYS_ASKED }, work))
    // Silence of every relay says nothing.
    if (words.length === 0) return
    for (const id of devices.keys()) {
      const times = words.map(word => word.get(id) ?? -1).sort((a, b) => b - a)
      const seen = times[words.length < RELAYS_ASKED ? 0 : 1]!
      this.#kept.delete(id)
      this.#kept.set(id, { asked: now(), seen: seen < 0 ? null : seen })
    }
    for (const id of this.#kept.keys()) {
      if (this.#kept.size <= MOST_KEPT) break
      this.#kept.delete(id)
    }
  }

  /** What a relay says that it has seen of these devices, and when; null when it stops answering. */
  async #askOne(relay: Seer, devices: [string, Buffer][]): Promise<Map<string, number> | null> {
    const { now } = this.#options
    const found = new Map<string, number>()
    const questions: [string, Buffer][][] = []
    for (let i = 0; i < devices.length; i += MAX_SIGHTINGS)
      questions.push(devices.slice(i, i + MAX_SIGHTINGS))
    const work = async (): Promise<void> => {
      for (let some = questions.shift(); some; some = questions.shift()) {
        const agos = await relay.seenAgo(some.map(([, device]) => device))
        for (const [i, [id]] of some.entries()) {
          const ago = agos[i] ?? null
          if (ago !== null) found.set(id, now() - ago)
        }
      }
    }
    try {
      await Promise.all(Array.from({ length: QUESTIONS_AT_ONCE }, work))
      return found
    } catch {
      return null // it went away, or is slow: its word only orders the sellers
    }
  }
}
