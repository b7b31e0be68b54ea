import type { Job } from '#spec'
import { UNPAID } from '../../base/bounds/bounds.js'
import { JOB } from '../job/job-state.js'
import type { JobState } from '../job/job-state.js'

/** How a job ends that has exceeded the time limit of its state; null before that. A result is kept for `keepMs`. */
export function endOf(job: Job, now: number, keepMs: number): { state: JobState; reason: string } | null {
  const isKept = now <= job.changed + keepMs
  if (job.state === JOB.AGREED && now > Math.min(job.terms.startBy, job.created + UNPAID.endsMs))
    return { state: JOB.VOID, reason: 'its base was never paid' }
  if ((job.state === JOB.COMMITTED || job.state === JOB.REVEALED) && !isKept)
    return { state: JOB.ENDED, reason: 'its result was not paid' }
  return job.state === JOB.PAID && !isKept ? { state: JOB.DONE, reason: '' } : null
}
