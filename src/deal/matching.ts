import { SAT, totalCharge } from '../../contracts/money/money.js'
import type { Msat } from '../../contracts/money/money.js'

/** What an ask is ordered by, whatever it is for. */
export interface Offered {
  id: Buffer
  identity: Buffer
  price: Msat
}

/** What the matcher needs to know of an ask for storage. */
export interface Candidate extends Offered {
  space: number
  minTime: number
  maxTime: number
  /** What it costs at the least, whatever the price, msat. */
  minChargeMsat?: bigint
}

export interface Wanted {
  bytes: number
  time: number
  maxPrice: bigint | null
  /** The buyer itself: nobody keeps a copy for himself. */
  identity: Buffer
}

/** What this node itself has seen of an identity. */
export interface Experience {
  good: number
  bad: number
  /** Not asked again before then, ms. */
  until: number
}

/** At most so many asks of one identity are tried. */
const ASKS_PER_IDENTITY = 2

/** How good a peer was, from -3 to 1; 0 for one that is not known. A fault weighs three times what a service does. */
export function standingOf(record: Experience | null): number {
  return record ? (record.good - 3 * record.bad) / (1 + record.good + record.bad) : 0
}

/** Lets pass the first asks of each identity, so that nobody fills the list. */
function fewOfEach(): (ask: { identity: Buffer }) => boolean {
  const seen = new Map<string, number>()
  return ask => {
    const identity = ask.identity.toString('hex')
    const count = (seen.get(identity) ?? 0) + 1
    seen.set(identity, count)
    return count <= ASKS_PER_IDENTITY
  }
}

/** The asks that can serve what is wanted, in the order in which they are to be tried. */
export function match<C extends Candidate>(
  asks: readonly C[],
  wanted: Wanted,
  experience: (identity: Buffer) => Experience | null,
  now: number
): C[] {
  const comesTo = (ask: C): Msat => charge(wanted, ask.price, ask.minChargeMsat ?? 1n)
  return inOrder(
    asks.filter(ask => fits(ask, wanted)),
    comesTo,
    experience,
    now
  )
}

/**
 * Asks in the order in which they are to be tried: what each comes to, price, what was seen of the peer, then id; few of
 * each identity, and none that is not to be asked again yet. A pure function: the same book gives the same order
 * everywhere.
 */
export function inOrder<C extends Offered>(
  asks: readonly C[],
  comesTo: (ask: C) => Msat,
  experience: (identity: Buffer) => Experience | null,
  now: number
): C[] {
  return asks
    .filter(ask => (experience(ask.identity)?.until ?? 0) <= now)
    .sort(
      (a, b) =>
        compare(comesTo(a), comesTo(b)) ||
        compare(a.price, b.price) ||
        standingOf(experience(b.identity)) - standingOf(experience(a.identity)) ||
        Buffer.compare(a.id, b.id)
    )
    .filter(fewOfEach())
}

function fits(ask: Candidate, wanted: Wanted): boolean {
  return (
    ask.space >= wanted.bytes &&
    ask.minTime <= wanted.time &&
    ask.maxTime >= wanted.time &&
    (wanted.maxPrice === null || isWithin(ask, wanted, wanted.maxPrice)) &&
    !ask.identity.equals(wanted.identity)
  )
}

/** A low price with a high minimum charge is no low price; a sat is never too much. */
function isWithin(ask: Candidate, wanted: Wanted, maxPrice: Msat): boolean {
  const least = ask.minChargeMsat ?? 0n
  return ask.price <= maxPrice && (least <= SAT || least <= charge(wanted, maxPrice, 1n))
}

function charge({ bytes, time }: Wanted, price: Msat, minChargeMsat: Msat): Msat {
  return totalCharge({ bytes: BigInt(bytes), time, price, minChargeMsat })
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
