import type { Job } from '#spec'
import { jobId } from '../../../contracts/job.js'
import type { Logger } from '../../base/logger.js'
import type { JobState } from './job-state.js'

/** What has happened to a job that has come to a state. */
const HAPPENED: Record<JobState, string> = {
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
  const { role, terms, reason } = job
  const state = job.state as JobState
  const left = state === 'FAILED' || state === 'ENDED' || state === 'VOID'
  log[state === 'FAILED' ? 'warn' : 'info'](HAPPENED[state], {
    job: jobId(terms),
    role,
    peer: (role === 'buyer' ? terms.provider : terms.buyer).device,
    ...(left ? { reason } : {})
  })
}
