import { defineTable, defineTableOf, rawCodec } from '../store/definition.js'
import type { AnyTable } from '../store/definition.js'
import { bytes, parts, text, uint } from '../store/key.js'
import { isOpen } from './buyer/run/run-state.js'
import { isOver } from './job/job-state.js'

/** Jobs by our role and agreement. Those that are over stay: they are the history of the home. */
export const jobTable = defineTable({
  name: 'jobs',
  key: parts(text, bytes(32)),
  struct: 'job',
  indexes: index => ({
    /** By role; without the jobs that are over. */
    open: index(text, job => (isOver(job) ? null : job.role)),
    /** By the device of the other side. */
    device: index(bytes(32), ({ role, terms }) => (role === 'buyer' ? terms.provider : terms.buyer).device)
  }),
  owner: 'src/compute',
  bound: { unbounded: 'a job needs a place, which its provider bounds, or the money of its buyer' },
  forget: { text: 'never: jobs that are over are the history of the home' }
})

/** Signed requests for payments, by job and installment. */
export const dueTable = defineTable({
  name: 'job-dues',
  key: parts(bytes(32), uint),
  struct: 'countersign',
  owner: 'src/compute',
  bound: { unbounded: 'the installments of its job bound them' },
  forget: { text: 'never: a request is part of the receipt of its payment' }
})

export const runTable = defineTable({
  name: 'runs',
  key: bytes(32),
  struct: 'run-record',
  indexes: index => ({
    created: index(uint, ({ created }) => created),
    open: index(uint, run => (isOpen(run) ? run.created : null)),
    over: index(uint, run => (isOpen(run) ? null : run.created)),
    fingerprint: index(bytes(32), ({ fingerprint }) => fingerprint!)
  }),
  owner: 'src/compute',
  bound: { unbounded: 'open ones are asked for by the owner; of those that are over 1,000 stay' },
  forget: { text: 'when 1,000 newer runs are over, or when it ended before anything was paid' }
})

/** How the results of providers compared, by identity. */
export const checkTable = defineTable({
  name: 'checks',
  key: bytes(32),
  struct: 'check-record',
  owner: 'src/compute',
  bound: { unbounded: 'one for each identity that this node has bought from' },
  forget: { text: 'never: wrong results count as long as the home exists' }
})

/** Own blobs by SHA-256. */
export const blobTable = defineTable({
  name: 'blobs',
  key: bytes(32),
  struct: 'blob',
  owner: 'src/compute',
  bound: { unbounded: 'the disk bounds them' },
  forget: { text: 'when no agreement names it and own blobs exceed their bytes' }
})

/** The owner's limits for jobs, as JSON. */
export const lendingTable = defineTableOf({
  name: 'lending',
  key: text,
  codec: rawCodec,
  owner: 'src/compute',
  bound: { rows: 1 },
  forget: { text: 'never: the owner sets them' }
})

/** Requests of resting bids by the bid, as JSON. */
export const bidTable = defineTableOf({
  name: 'compute-bids',
  key: bytes(32),
  codec: rawCodec,
  owner: 'src/compute',
  bound: { unbounded: 'the owner places them' },
  forget: { text: 'when the bid is filled, withdrawn or given up' }
})

/** Bids whose run has begun: it continues even when no ask fits any more. */
export const begunTable = defineTableOf({
  name: 'compute-bids-begun',
  key: bytes(32),
  codec: rawCodec,
  owner: 'src/compute',
  bound: { unbounded: 'the owner places the bids' },
  forget: { text: 'with the bid' }
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
