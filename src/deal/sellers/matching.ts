import type { Msat } from '../../../contracts/money/money.js'
import { isAlive } from '../../book/sightings.js'

/** The fields that asks of every resource are ordered by. */
export interface Offered {
  id: Buffer
  identity: Buffer
  price: Msat
  /** When a relay last saw its device, ms since 1970; null or absent: never, or no relay says. */
  seen?: number | null
}

/** This node's own experience with an identity. */
export interface Experience {
  good: number
  bad: number
  /** The identity is not asked again before this time, ms since 1970. */
  until: number
  /** How likely it fails, from 0 to below 1; absent: 0. */
  risk?: number
}

/** No seller counts as more expensive than so many times its price. */
const MOST_TIMES = 20

/** Most asks tried of one identity. */
const ASKS_PER_IDENTITY = 2

/** The prices of a buyer, msat: what it opens with, and the most that it pays; null for none. */
export interface Prices {
  offer: Msat | null
  maxPrice: Msat | null
}

/** Asks up to this multiple of the highest price are tried by a buyer that makes offers: their sellers may come down. */
const NEGOTIABLE = 2n

/** The highest price of an ask that is worth asking; null: any. */
export function priceLimit({ offer, maxPrice }: Prices): Msat | null {
  return maxPrice === null || offer === null ? maxPrice : maxPrice * NEGOTIABLE
}

/** Rating of a peer, from -3 to 1; 0 when unknown. A fault weighs three times as much as a service. */
export function standingOf(record: Experience | null): number {
  return record ? (record.good - 3 * record.bad) / (1 + record.good + record.bad) : 0
}

/** What an ask costs when each failure means to pay another seller as much, msat: cost / (1 - risk). */
function riskAdjusted(cost: Msat, record: Experience | null): Msat {
  const served = Math.max(1 - (record?.risk ?? 0), 1 / MOST_TIMES)
  return (cost * 1000n) / BigInt(Math.round(1000 * served))
}

/** A filter for the first asks of each identity, so that no identity fills the list. */
function fewOfEach(): (ask: { identity: Buffer }) => boolean {
  const seen = new Map<string, number>()
  return ask => {
    const identity = ask.identity.toString('hex')
    const count = (seen.get(identity) ?? 0) + 1
    seen.set(identity, count)
    return count <= ASKS_PER_IDENTITY
  }
}

/** Puts the asks of devices that relays have seen lately first; a relay may lie, so none is left out. */
export function livingFirst<C extends Offered>(asks: readonly C[], now: number): C[] {
  const isLiving = ({ seen = null }: C): boolean => isAlive(seen, now)
  return [...asks.filter(isLiving), ...asks.filter(ask => !isLiving(ask))]
}

/**
 * Orders asks for trying: those of living devices first, then by cost with the risk that the seller fails, price, experience
 * with the peer, then id. Limits the asks of each identity and leaves out identities that are not to be asked yet. A pure function: equal input gives an equal order on every node.
 */
export function inOrder<C extends Offered>(
  asks: readonly C[],
  comesTo: (ask: C) => Msat,
  experience: (identity: Buffer) => Experience | null,
  now: number
): C[] {
  const ranked = asks.flatMap(ask => {
    const record = experience(ask.identity)
    if ((record?.until ?? 0) > now) return []
    return { ask, cost: riskAdjusted(comesTo(ask), record), standing: standingOf(record) }
  })
  ranked.sort(
    (a, b) =>
      compare(a.cost, b.cost) ||
      compare(a.ask.price, b.ask.price) ||
      b.standing - a.standing ||
      Buffer.compare(a.ask.id, b.ask.id)
  )
  const best = ranked.map(({ ask }) => ask)
  return livingFirst(best, now).filter(fewOfEach())
}

/** The first asks of as many different identities as there are copies. */
export function distinct<C extends { identity: Buffer }>(
  asks: readonly C[],
  copies: number,
  taken: readonly Buffer[] = []
): C[] {
  const used = new Set(taken.map(identity => identity.toString('hex')))
  const chosen: C[] = []
  for (const ask of asks) {
    if (chosen.length === copies) break
    const identity = ask.identity.toString('hex')
    if (used.has(identity)) continue
    used.add(identity)
    chosen.push(ask)
  }
  return chosen
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
