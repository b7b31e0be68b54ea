import type { Job } from '#spec'

/** How a job ends that has exceeded the time limit of its state; null before that. A result is kept for `keepMs`. */
export function endOf(
  job: Job,
  now: number,
  keepMs: number
): { state: 'VOID' | 'ENDED'; reason: string } | 'DONE' | null {
  const isKept = now <= job.changed + keepMs
  if (job.state === 'AGREED' && now > job.terms.startBy)
    return { state: 'VOID', reason: 'its base was never paid' }
  if ((job.state === 'COMMITTED' || job.state === 'REVEALED') && !isKept)
    return { state: 'ENDED', reason: 'its result was not paid' }
  return job.state === 'PAID' && !isKept ? 'DONE' : null
}
