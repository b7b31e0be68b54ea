import { emptyJobs } from './empty-job.js'
import type { Bench } from '../figure.js'
import { manyJobs } from './many-jobs.js'
import { sharedInput } from './shared-input.js'

/** Overhead of a job. */
export const computeBench: Bench = {
  name: 'compute',
  about: 'an empty job at home and bought; many jobs over four providers; one large input for many jobs',
  async run(settings) {
    return [...(await emptyJobs(settings)), ...(await manyJobs(settings)), ...(await sharedInput(settings))]
  }
}
