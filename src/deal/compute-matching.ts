import { TFUEL } from '../../contracts/job.js'
import { ceilDiv } from '../../contracts/money/money.js'
import type { Msat } from '../../contracts/money/money.js'
import { inOrder } from './matching.js'
import type { Experience, Offered } from './matching.js'

/** What the matcher needs to know of an ask for compute; its price is per Tfuel. */
export interface ComputeCandidate extends Offered {
  /** Paid for every job, msat. */
  baseMsat: Msat
  /** Bytes that a module may have. */
  memory: number
  isolation: string
  /** The version of metering that it counts by. */
  fuel: string
}

export interface ComputeWanted {
  memoryBytes: number
  isolation: 'bwrap' | 'any'
  fuel: string
  /** Most per Tfuel, msat. */
  maxPrice: Msat | null
  /** Most that one provider may be paid, msat: a base that leaves nothing of it for fuel is too high. */
  maxMsat: Msat
  /** The buyer itself: nobody buys of himself. */
  identity: Buffer
}

/** Base and price are weighed for a job of this much fuel, since what a job uses is known only afterwards. */
const TYPICAL_FUEL = TFUEL / 10n

/** The asks that can run what is wanted, in the order in which they are to be tried, by what a typical job comes to. */
export function matchCompute<C extends ComputeCandidate>(
  asks: readonly C[],
  wanted: ComputeWanted,
  experience: (identity: Buffer) => Experience | null,
  now: number
): C[] {
  return inOrder(
    asks.filter(ask => fits(ask, wanted)),
    typicalCost,
    experience,
    now
  )
}

/** What a job of `TYPICAL_FUEL` costs, msat. */
export function typicalCost({ price, baseMsat }: Pick<ComputeCandidate, 'price' | 'baseMsat'>): Msat {
  return baseMsat + ceilDiv(TYPICAL_FUEL * price, TFUEL)
}

function fits(ask: ComputeCandidate, wanted: ComputeWanted): boolean {
  return (
    ask.fuel === wanted.fuel &&
    ask.memory >= wanted.memoryBytes &&
    (wanted.isolation === 'any' || ask.isolation === wanted.isolation) &&
    (wanted.maxPrice === null || ask.price <= wanted.maxPrice) &&
    ask.baseMsat < wanted.maxMsat &&
    !ask.identity.equals(wanted.identity)
  )
}
