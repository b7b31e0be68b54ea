import type { Job, JobTerms } from '#spec'
import { BOUNDS } from '../../base/bounds/bounds.js'
import { JOB } from '../job/job-state.js'

/** Why the queue takes no other job beside these open ones, or null. Those that are not paid have no place in it. */
export function queueFault(open: Iterable<Job>, cores: number): string | null {
  let queued = 0
  for (const { state } of open) if (state === JOB.QUEUED) queued++
  return queued >= cores + BOUNDS.queuedJobs.all ? 'the queue of jobs is full' : null
}

/** Bytes that are missing on disk for one more job beside these open ones; none are when it is not positive. */
export function missingFor(terms: JobTerms, open: readonly Job[]): number {
  let outputs = terms.limits.outputBytes
  const inputs = new Map(inputsOf(terms))
  for (const { state, statement, terms: other } of open) {
    outputs += statement?.statement.output.byteLength ?? other.limits.outputBytes
    if (state !== JOB.AGREED && state !== JOB.QUEUED) continue
    for (const [name, bytes] of inputsOf(other)) inputs.set(name, bytes)
  }
  const bytes = [...inputs.values()].reduce((sum, each) => sum + each, outputs)
  return bytes - BOUNDS.jobBytes.all
}

/** Bytes that a job may take on disk by itself: its inputs and its output. */
export function jobBytes({ module, input, limits }: JobTerms): number {
  return module.byteLength + input.byteLength + limits.outputBytes
}

/** The inputs of a job with their sizes, keyed by buyer and hash: jobs that share an input share its copy on disk. */
function inputsOf({ module, input, buyer }: JobTerms): [string, number][] {
  return [module, input].map(({ sha256, byteLength }) => [
    Buffer.concat([buyer.identity, sha256]).toString('hex') + byteLength,
    byteLength
  ])
}
