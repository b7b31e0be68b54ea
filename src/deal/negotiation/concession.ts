import { least } from '../../../contracts/money/money.js'
import type { Msat } from '../../../contracts/money/money.js'

/** Rounds of one negotiation: requests of the buyer, each with an answer. */
export const MAX_ROUNDS = 3

/** What a provider knows in a round. */
export interface ProviderPosition {
  /** 1 to MAX_ROUNDS. */
  round: number
  /** The price of its last quote; of the ask in the first round. */
  last: Msat
  /** The lowest price at which the owner sells. It shows in no answer except by what is accepted. */
  floor: Msat
  /** The price that the buyer offers; null when it takes the provider's. */
  offer: Msat | null
}

/**
 * The price of the provider's answer, or null for a decline. An offer of at least the last price gets that price, never
 * more. A lower one is met halfway, rounded up, unless that is below the floor: then the last price stands. Counter-offers
 * therefore follow from the prices that both sides have named, and only whether the provider moved tells anything about
 * its floor. The last round takes any offer from the floor on and declines the others.
 */
export function answerPrice({ round, last, floor, offer }: ProviderPosition): Msat | null {
  if (offer === null || offer >= last) return last
  if (round >= MAX_ROUNDS) return offer >= floor ? offer : null
  const halfway = (last + offer + 1n) / 2n
  return halfway >= floor ? halfway : last
}

/** What a buyer knows before its next offer. */
export interface BuyerPosition {
  /** The round of the offer that comes next. */
  round: number
  /** Its last offer. */
  offer: Msat
  /** The price of the provider's last answer. */
  counter: Msat
  /** The highest price that the buyer pays; null: any. */
  maxPrice: Msat | null
}

/**
 * The buyer's next offer, or null when it has none. It goes halfway, rounded down, to the counter-offer, or to its own
 * highest price where that is lower; to that highest price itself in the last round, when no quote so far is within it.
 */
export function nextOffer({ round, offer, counter, maxPrice }: BuyerPosition): Msat | null {
  if (round > MAX_ROUNDS || counter <= offer) return null
  const limit = maxPrice === null ? counter : least(counter, maxPrice)
  const next = round === MAX_ROUNDS && counter > limit ? limit : (offer + limit) / 2n
  return next > offer ? next : null
}
