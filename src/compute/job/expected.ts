import type { JobResult } from '#spec'
import { resultOf } from '../provider/job-result.js'
import type { Outcome } from '../sandbox/job.js'

/** The result that a run at home comes to, as an honest provider states it: `expected` of the rules on evidence. */
export function expectedResult(outcome: Outcome): JobResult {
  return resultOf(outcome)
}
