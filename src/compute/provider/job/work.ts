import type { Blob, Job } from '#spec'
import { BushelError, isPassing } from '../../../../contracts/errors/error.js'
import { jobId, jobMemory } from '../../../../contracts/job.js'
import { MINUTE } from '../../../../contracts/money/quantity.js'
import type { Clock } from '../../../base/clock.js'
import { Stall, deadline, pause } from '../../../base/timeouts.js'
import type { Deals } from '../../../deal/deals.js'
import type { Payments } from '../../../payment/payments.js'
import type { Blobs } from '../../blobs/blobs.js'
import { makeResult } from './result.js'
import { runJob, unpaid } from './run.js'
import type { JobRunOptions } from './run.js'
import type { WorkSchedule } from '../schedule.js'
import { JOB } from '../../job/job-state.js'
import { unpackInput } from '../../job/job-archive.js'
import type { JobSlots } from '../slots.js'
import type { Sandbox } from '../../sandbox/sandbox.js'

export type WorkState = 'QUEUED' | 'FETCHING' | 'RUNNING' | 'PAUSED' | 'WAITING'

export interface WorkOptions {
  deals: Deals
  payments: Payments
  blobs: Blobs
  schedule: WorkSchedule
  slots: JobSlots
  guests: () => Promise<Sandbox>
  signal: AbortSignal
  /** Resolves when this job has changed. */
  whenRung: (signal: AbortSignal) => Promise<unknown>
  save: (job: Job) => Promise<void>
  /** False once the job has ended. */
  isOpen: () => boolean
  tell: (state: WorkState, fuel: bigint) => void
  /** How long a guest waits for its next segment to be paid, ms. */
  unpaidMs?: number
  /** How long to try to fetch the inputs of a paid job, ms. */
  fetchMs?: number
  clock?: Clock
}

/** Most starts of one job, when the node ends each time while it runs. */
const RUNS = 5
const RETRY = 1000

/** Does the work of a job whose base is paid: fetches its inputs, runs it and puts the result on disk. */
export async function workOn(job: Job, options: WorkOptions): Promise<void> {
  const { blobs, slots, guests, schedule, payments, signal, tell, save } = options
  const { terms } = job
  const from = terms.buyer.identity
  const brought: Blob[] = []
  try {
    tell('FETCHING', 0n)
    for (const ref of [terms.module, terms.input]) {
      await bring(ref, job, options)
      brought.push(ref)
    }
    tell('QUEUED', 0n)
    const slot = await slots.enter(jobMemory(terms), signal)
    try {
      if (job.runs >= RUNS)
        throw new BushelError('FAILED', 'the node ended again and again while it ran this job')
      signal.throwIfAborted()
      const begun = { ...job, runs: job.runs + 1 }
      await save(begun)
      const [module, input] = await Promise.all(brought.map(ref => blobs.cache.read(from, ref.sha256)))
      const run: JobRunOptions = {
        ...{ terms, schedule, slot, signal, tell },
        module: module!,
        input: await unpackInput(input!),
        sandbox: await guests(),
        paidSegments: () => payments.ledger.contiguous(jobId(terms)),
        whenPaid: segments => whenPaid(job, segments, options)
      }
      const result = await makeResult(options, begun, await runJob(run))
      // The job was cancelled meanwhile and needs no result.
      if (options.isOpen()) await save({ ...begun, ...result, state: JOB.COMMITTED })
      else await blobs.drop(result.statement.statement.output)
    } finally {
      slot.leave()
    }
  } finally {
    for (const ref of brought) await blobs.cache.release(from, ref.sha256)
  }
}

/** Fetches an input, with retries for a while when the buyer is offline. */
async function bring(
  ref: Blob,
  { terms }: Job,
  { blobs, deals, signal, fetchMs = 10 * MINUTE, clock }: WorkOptions
): Promise<void> {
  const away = new Stall(fetchMs, clock)
  const stream = async () => (await deals.open(terms.buyer.device, { signal })).stream
  for (;;) {
    try {
      return await blobs.bring(ref, { from: terms.buyer.identity, stream, signal })
    } catch (error) {
      signal.throwIfAborted()
      if (!isPassing(error) || away.isStalled) throw error
      await pause(RETRY, signal, clock)
    }
  }
}

async function whenPaid(
  { terms }: Job,
  segments: number,
  { payments, signal, whenRung, unpaidMs = 10 * MINUTE, clock }: WorkOptions
): Promise<void> {
  const id = jobId(terms)
  const limit = new AbortController()
  const any = AbortSignal.any([signal, limit.signal])
  const cancel = deadline(unpaidMs, () => limit.abort(), clock)
  try {
    while (payments.ledger.contiguous(id) <= segments) {
      try {
        await whenRung(any)
      } catch (error) {
        signal.throwIfAborted()
        if (!limit.signal.aborted) throw error
        await payments.refuseRest(id)
        if (payments.ledger.contiguous(id) <= segments) throw unpaid(segments)
      }
    }
  } finally {
    cancel()
  }
}
