import { shortKey } from '../../../contracts/keys/key.js'
import { MINUTE } from '../../../contracts/money/quantity.js'
import { MOST_NOTES } from './dialling.js'

/** How long a seller is taken for slow. */
const SLOW_FOR = 10 * MINUTE
/** How long a device that could not be reached is taken for away. */
const AWAY_FOR = 3 * MINUTE
/** Most slow sellers that are remembered; the first one is forgotten. */
const MOST_SLOW = 4096

/** The sellers that were silent, slower than others, or away: for a while they are dialled after all others. */
export class SlowSellers {
  readonly #now: () => number
  /** Times until which devices, hex, are slow; the oldest first. */
  readonly #until = new Map<string, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  add(device: Buffer): void {
    this.#add(device, SLOW_FOR)
  }

  /** A device that could not be reached. */
  away(device: Buffer): void {
    this.#add(device, AWAY_FOR)
  }

  #add(device: Buffer, ms: number): void {
    const id = device.toString('hex')
    const until = Math.max(this.#until.get(id) ?? 0, this.#now() + ms)
    this.#until.delete(id)
    this.#until.set(id, until)
    const [first] = this.#until.keys()
    if (this.#until.size > MOST_SLOW) this.#until.delete(first!)
  }

  /** The asks in their order, those of slow sellers last. */
  last<C extends { device: Buffer }>(asks: readonly C[]): C[] {
    const now = this.#now()
    const isSlow = ({ device }: C): boolean => (this.#until.get(device.toString('hex')) ?? 0) > now
    return [...asks.filter(ask => !isSlow(ask)), ...asks.filter(isSlow)]
  }
}

/** What the user is told of many sellers that could not be reached. */
export function awayNote(count: number): string {
  return `skipped ${count} offers of devices that could not be reached`
}

/** What the user is told of sellers that are passed over because they were slow. */
export function slowNotes(asks: readonly { device: Buffer }[]): string[] {
  if (asks.length > MOST_NOTES)
    return [`passed over ${asks.length} offers of devices that did not answer while others did`]
  return asks.map(
    ({ device }) => `passed over the offer of ${shortKey(device)}: it did not answer while others did`
  )
}
