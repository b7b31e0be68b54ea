import type { Job } from '#spec'
import { DAY } from '../../contracts/money/quantity.js'
import { rawCodec, tableMaker } from '../store/definition.js'
import type { AnyTable } from '../store/definition.js'
import { bytes, parts, text, uint } from '../store/key.js'
import { isOpen } from './buyer/run/run-state.js'
import { JOB, isOver } from './job/job-state.js'

const table = tableMaker('src/compute')

/** How long a job that nobody paid is kept, ms: its invoices are refused, and it is no evidence of anything. */
const UNPAID_KEPT = 2 * DAY

/** The device of the other side. */
function otherOf({ role, terms }: Job): Buffer {
  return (role === 'buyer' ? terms.provider : terms.buyer).device!
}

/** Jobs by our role and agreement. Those that are over stay: they are the history of the home. */
export const jobTable = table('jobs', parts(text, bytes(32)), 'job', {
  indexes: index => ({
    /** By role; without the jobs that are over. */
    open: index(text, job => (isOver(job) ? null : job.role)),
    /** By the device of the other side; without the jobs that are over. */
    device: index(bytes(32), job => (isOver(job) ? null : otherOf(job))),
    /** By the device of a buyer, of jobs that were paid in full. */
    customer: index(bytes(32), job =>
      job.role === 'provider' && job.state === JOB.DONE ? otherOf(job) : null
    ),
    /** By their last change, provided jobs that were over before anything was paid. */
    unpaid: index(uint, ({ role, state, changed }) =>
      role === 'provider' && state === JOB.VOID ? changed : null
    )
  }),
  unbounded: 'a job needs a place, which its provider bounds, or the money of its buyer',
  forget: {
    text: 'two days after it was over, when its buyer never paid; others never: they are the history of the home',
    by: 'unpaid',
    after: UNPAID_KEPT
  }
})

/** Signed requests for payments, by job and installment. */
export const dueTable = table('job-dues', parts(bytes(32), uint), 'countersign', {
  unbounded: 'the installments of its job bound them',
  forget: 'never: a request is part of the receipt of its payment'
})

export const runTable = table('runs', bytes(32), 'run-record', {
  indexes: index => ({
    created: index(uint, ({ created }) => created),
    open: index(uint, run => (isOpen(run) ? run.created : null)),
    over: index(uint, run => (isOpen(run) ? null : run.created)),
    fingerprint: index(bytes(32), ({ fingerprint }) => fingerprint!)
  }),
  unbounded:
    'the owner asks for them; of those that are over 1,000 stay, and those whose output was not fetched',
  forget:
    'when 1,000 newer runs are over and its output was fetched, or when it ended before anything was paid'
})

/** How the results of providers compared, by identity. */
export const checkTable = table('checks', bytes(32), 'check-record', {
  unbounded: 'one for each identity that this node has bought from',
  forget: 'never: wrong results count as long as the home exists'
})

/** Own blobs by SHA-256. */
export const blobTable = table('blobs', bytes(32), 'blob', {
  unbounded: 'the disk bounds them',
  forget: 'when no agreement names it and own blobs exceed their bytes'
})

/** The owner's limits for jobs, as JSON. */
export const lendingTable = table('lending', text, rawCodec, {
  rows: 1,
  forget: 'never: the owner sets them'
})

/** Requests of resting bids by the bid, as JSON. */
export const bidTable = table('compute-bids', bytes(32), rawCodec, {
  unbounded: 'the owner places them',
  forget: 'when the bid is filled, withdrawn or given up'
})

/** Bids whose run has begun: it continues even when no ask fits any more. */
export const begunTable = table('compute-bids-begun', bytes(32), rawCodec, {
  unbounded: 'the owner places the bids',
  forget: 'with the bid'
})

export const COMPUTE_TABLES = [
  jobTable,
  dueTable,
  runTable,
  checkTable,
  blobTable,
  lendingTable,
  bidTable,
  begunTable
] as readonly AnyTable[]
