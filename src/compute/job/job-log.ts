import type { Job } from '#spec'
import { jobId } from '../../../contracts/job.js'
import type { Logger } from '../../base/logger.js'
import { JOB, isLeft, jobStates } from './job-state.js'
import type { JobStateName } from './job-state.js'

/** What has happened to a job that has come to a state. */
const HAPPENED: Record<JobStateName, string> = {
  AGREED: 'job agreed',
  BOUND: 'job bound',
  QUEUED: 'job queued',
  RUNNING: 'job running',
  COMMITTED: 'job committed',
  REVEALED: 'job revealed',
  PAID: 'job paid',
  DONE: 'job done',
  FAILED: 'job failed',
  ENDED: 'job ended',
  VOID: 'job void'
}

/** Says that a job has come to another state, which is on disk. */
export function logJob(log: Logger, job: Job): void {
  const { role, state, terms, reason } = job
  log[state === JOB.FAILED ? 'warn' : 'info'](HAPPENED[jobStates.nameOf(state)], {
    job: jobId(terms),
    role,
    peer: (role === 'buyer' ? terms.provider : terms.buyer).device,
    ...(isLeft(job) ? { reason } : {})
  })
}
