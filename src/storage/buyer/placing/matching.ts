import { SAT, totalCharge } from '../../../../contracts/money/money.js'
import type { Msat } from '../../../../contracts/money/money.js'
import { inOrder, priceLimit } from '../../../deal/sellers/matching.js'
import type { Experience, Offered, Prices } from '../../../deal/sellers/matching.js'

/** The fields of a storage ask that matching uses. */
export interface Candidate extends Offered {
  space: number
  minTime: number
  maxTime: number
  /** Minimum charge, msat. */
  minChargeMsat?: bigint
}

/** An offer of the buyer makes dearer asks worth trying. */
export interface Wanted extends Prices {
  bytes: number
  time: number
  /** The buyer's own identity, whose asks are left out. */
  identity: Buffer
}

/** The asks that fit, in the order in which to try them. */
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

function fits(ask: Candidate, wanted: Wanted): boolean {
  return (
    ask.space >= wanted.bytes &&
    ask.minTime <= wanted.time &&
    ask.maxTime >= wanted.time &&
    isWithin(ask, wanted) &&
    !ask.identity.equals(wanted.identity)
  )
}

/** True when the price is near enough and the minimum charge within `maxPrice`; a minimum charge of a sat always is. */
function isWithin(ask: Candidate, wanted: Wanted): boolean {
  const limit = priceLimit(wanted)
  if (limit === null || wanted.maxPrice === null) return true
  const least = ask.minChargeMsat ?? 0n
  return ask.price <= limit && (least <= SAT || least <= charge(wanted, wanted.maxPrice, 1n))
}

function charge({ bytes, time }: Wanted, price: Msat, minChargeMsat: Msat): Msat {
  return totalCharge({ bytes: BigInt(bytes), time, price, minChargeMsat })
}
