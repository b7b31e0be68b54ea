import { TFUEL } from '../../../contracts/job.js'
import { ceilDiv } from '../../../contracts/money/money.js'
import type { Msat } from '../../../contracts/money/money.js'
import { inOrder } from '../../deal/sellers/matching.js'
import type { Experience, Offered } from '../../deal/sellers/matching.js'

/** The fields of a compute ask that matching uses; its price is per Tfuel. */
export interface ComputeCandidate extends Offered {
  /** Base of every job, msat. */
  baseMsat: Msat
  /** Most memory of a job, bytes. */
  memory: number
  isolation: string
  /** Its version of the fuel metering. */
  fuel: string
}

export interface ComputeWanted {
  memoryBytes: number
  isolation: 'bwrap' | 'any'
  fuel: string
  /** Highest price per Tfuel, msat; null: any. */
  maxPrice: Msat | null
  /** Most to pay one provider, msat: a base that leaves nothing of it for fuel is too high. */
  maxMsat: Msat
  /** The buyer's own identity, whose asks are left out. */
  identity: Buffer
}

/** Asks are compared by the cost of a job of this much fuel, since the real use is known only afterwards. */
const TYPICAL_FUEL = TFUEL / 10n

/** The asks that can run the job, in the order in which to try them: by the cost of a typical job. */
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
