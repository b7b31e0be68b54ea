import type { ComputeAsk, ComputeBid, ComputeQuote, ComputeRequest, JobTerms } from '#spec'
import { ISOLATION, faultOfJob, jobId } from '../../contracts/job.js'
import { struct } from '../../contracts/schema/codec.js'
import { verify } from '../../contracts/keys/signature.js'
import { MAX_MSAT } from '../../contracts/money/money.js'
import { MIB, TIB } from '../../contracts/money/quantity.js'
import type { Resource } from '../deal/resource.js'
import { COMPUTE_MESSAGES } from './messages.js'

const MAX_TEXT = 64
const MAX_CORES = 1024
/** Bounds of the memory of one machine, bytes. */
const MIN_MEMORY = MIB
const MAX_MEMORY = 64 * TIB
/** The most identities that one job runs at. */
export const MAX_PROVIDERS = 16
/** The name and version of a metering rule, such as `fuel/2`. */
const FUEL = /^[a-z][a-z0-9.-]{0,31}\/\d{1,6}$/

/** Metered runs of WebAssembly programs: asks and bids by price per Tfuel, msat; a job is its agreement at work. */
export const compute: Resource<ComputeAsk, ComputeBid, ComputeRequest, ComputeQuote, JobTerms> = {
  id: 'compute',
  prices: [{ unit: 'Tfuel', times: 1n }],
  ask: struct('compute-ask', ask => {
    if (ask.cores < 1 || ask.cores > MAX_CORES) return 'a number of cores that is out of bounds'
    if (!isAmount(ask.baseMsat)) return 'a base that is out of bounds'
    if (ask.region.length > MAX_TEXT) return 'a region longer than 64 characters'
    return faultOfMachine(ask)
  }),
  bid: struct('compute-bid', bid => {
    if (bid.providers < 1 || bid.providers > MAX_PROVIDERS)
      return 'a number of providers that is out of bounds'
    if (!isAmount(bid.maxMsat)) return 'an amount that is out of bounds'
    return faultOfMachine(bid)
  }),
  request: struct('compute-request', request =>
    isAmount(request.maxMsat) ? faultOfMachine(request) : 'an amount that is out of bounds'
  ),
  quote: struct('compute-quote'),
  terms: {
    ...struct('job-terms'),
    id: jobId,
    faultOf: faultOfJob,
    verify: (terms, signature, device) => verify('job-terms', terms, signature, device)
  },
  messages: COMPUTE_MESSAGES,
  serves: (ask, bid) => ask.memory >= bid.memory && ask.fuel === bid.fuel && ask.baseMsat < bid.maxMsat,
  book: {
    asks: [
      { title: 'BASE', field: 'baseMsat', unit: 'amount' },
      { title: 'CORES', field: 'cores', unit: 'count' },
      { title: 'MEMORY', field: 'memory', unit: 'size' },
      { title: 'SANDBOX', field: 'isolation', unit: 'text' },
      { title: 'REGION', field: 'region', unit: 'text' }
    ],
    bids: [
      { title: 'AT MOST', field: 'maxMsat', unit: 'amount' },
      { title: 'PROVIDERS', field: 'providers', unit: 'count' },
      { title: 'MEMORY', field: 'memory', unit: 'size' }
    ],
    describeAsk: ask => ({ ...ask, baseMsat: ask.baseMsat.toString() }),
    describeBid: bid => ({ ...bid, maxMsat: bid.maxMsat.toString() })
  }
}

function faultOfMachine({
  memory,
  fuel,
  isolation
}: {
  memory: number
  fuel: string
  isolation?: string
}): string | null {
  if (memory < MIN_MEMORY || memory > MAX_MEMORY) return 'memory that is out of bounds'
  if (!FUEL.test(fuel)) return 'a malformed name of a metering rule'
  const isKnown = isolation === undefined || (ISOLATION as readonly string[]).includes(isolation)
  return isKnown ? null : 'an unknown isolation'
}

function isAmount(msat: bigint): boolean {
  return msat >= 1n && msat <= MAX_MSAT
}
