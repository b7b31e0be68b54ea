import type { ComputeAsk, Job, JobTerms, Order } from '#spec'
import { decode } from '../../../contracts/schema/codec.js'
import {
  INSTALLMENT_CAP,
  faultOfJob,
  isSigned,
  jobId,
  jobMemory,
  jobSegments
} from '../../../contracts/job.js'
import { formatAmount } from '../../../contracts/money/money.js'
import type { Msat } from '../../../contracts/money/money.js'
import { RESOURCE, SIDE } from '../../../contracts/order.js'
import { formatSize } from '../../../contracts/money/quantity.js'
import { MAX_CLOCK_SKEW } from '../../../contracts/terms.js'
import type { Counterparty } from '../../deal/channel.js'
import { DeclineError } from '../../deal/decline.js'
import type { Deals } from '../../deal/deals.js'
import { assertParties } from '../../deal/parties.js'
import { FUEL_VERSION } from '../fuel/meter.js'
import type { Isolation } from '../sandbox/sandbox.js'

export interface DeskOptions {
  deals: Deals
  /** Our live order with this id, or null. */
  ask: (id: Buffer) => Order | null
  /** True when `msat` can be received from this Lightning node. */
  canReceive: (from: Buffer, msat: Msat) => Promise<boolean>
  now: () => number
}

/** The machine's capacity for one more job. */
export interface Capacity {
  isolation: Isolation
  /** True when jobs may run in a plain process where bubblewrap does not work. */
  allowProcess: boolean
  memoryBytes: number
  /** Why no job is accepted now, or null. */
  fault: string | null
}

/** Longest time that terms may stay open before they are signed, ms. */
const OPEN_FOR = 10 * 60_000

/** Throws DeclineError for terms that this provider does not sign. */
export async function assertAcceptable(
  { deals, ask, canReceive, now }: DeskOptions,
  agree: Pick<Job, 'terms' | 'signature'>,
  from: Counterparty,
  requestId: Buffer,
  capacity: () => Promise<Capacity>
): Promise<void> {
  const { terms } = agree
  const fault = faultOfJob(terms)
  if (fault) throw new DeclineError('TERMS', fault)
  if (!requestId.equals(jobId(terms)))
    throw new DeclineError('TERMS', 'the id of the request is not the hash of its terms')
  assertParties(terms, from, deals)
  if (!isSigned(agree)) throw new DeclineError('SIGNATURE', 'the signature on the terms is not valid')
  if (now() > terms.countersignBy) throw new DeclineError('EXPIRED', 'the terms have expired')
  if (terms.countersignBy > now() + OPEN_FOR + MAX_CLOCK_SKEW)
    throw new DeclineError('TERMS', 'the terms stay open for too long')
  assertAsk(terms, ask(terms.ask))
  if (terms.fuel !== FUEL_VERSION) throw new DeclineError('FUEL', `this node counts fuel as ${FUEL_VERSION}`)
  if (terms.maxInstallmentMsat > INSTALLMENT_CAP)
    throw new DeclineError(
      'SLICES',
      `this node runs at most ${formatAmount(INSTALLMENT_CAP)} ahead of payment; the installments are larger`
    )
  assertCapacity(terms, await capacity())
  const [base, first = 0n] = jobSegments(terms)
  if (!(await canReceive(terms.buyer.lightning!, base! + first)))
    throw new DeclineError('NO_INBOUND', 'the Lightning node cannot receive the first payments now')
}

function assertAsk(terms: JobTerms, order: Order | null): void {
  const mine = order && order.side === SIDE.ask && order.resource === RESOURCE.compute
  if (!mine || !order.market.equals(terms.market))
    throw new DeclineError('OFFER_GONE', 'this offer is no longer on the book')
  const asked: ComputeAsk = decode('compute-ask', order.body)
  if (order.price > terms.price || asked.baseMsat > terms.baseMsat)
    throw new DeclineError('PRICE_CHANGED', 'the price is not the one on the book')
  if (terms.limits.memoryBytes > asked.memory)
    throw new DeclineError('NO_CAPACITY', `a job may use at most ${formatSize(asked.memory)} of memory here`)
}

function assertCapacity(terms: JobTerms, capacity: Capacity): void {
  const { isolation } = terms
  if (capacity.fault) throw new DeclineError('NO_CAPACITY', capacity.fault)
  if (capacity.isolation === 'process' && (isolation === 'bwrap' || !capacity.allowProcess))
    throw new DeclineError('NOT_ISOLATED', 'bubblewrap does not work on this node')
  if (jobMemory(terms) > capacity.memoryBytes)
    throw new DeclineError(
      'NO_CAPACITY',
      `a job may use at most ${formatSize(capacity.memoryBytes)} of memory here`
    )
}
