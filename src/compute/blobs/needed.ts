import type { Blob } from '#spec'
import type { JobRecords } from '../job/job-records.js'
import type { RunRecords } from '../buyer/run/run-records.js'

/**
 * Own blobs that unfinished work may still need: modules and inputs of runs (which may hire another provider at any time)
 * and of jobs, and the stated outputs of jobs that we provide.
 */
export function* neededBlobs(runs: RunRecords, jobs: JobRecords): Iterable<Blob> {
  for (const { module, input } of runs.open()) yield* [module, input]
  for (const { job } of jobs.open('buyer')) yield* [job.terms.module, job.terms.input]
  for (const { job } of jobs.open('provider')) if (job.statement) yield job.statement.statement.output
}
