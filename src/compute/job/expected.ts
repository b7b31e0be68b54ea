import type { JobResult } from '#spec'
import { resultOf } from '../provider/job/result.js'
import type { Outcome } from '../sandbox/job.js'

/** The result that an honest provider states for the outcome of a local run; `expected` when evidence is verified. */
export function expectedResult(outcome: Outcome): JobResult {
  return resultOf(outcome)
}
