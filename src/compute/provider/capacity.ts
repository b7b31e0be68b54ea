import type { Job, JobTerms } from '#spec'
import { GIB, MINUTE } from '../../../contracts/money/quantity.js'
import { JOB } from '../job/job-state.js'

/** Most waiting jobs beyond one per core. */
const QUEUE = 16
/** Most unpaid agreements of one identity. */
const UNPAID_EACH = 8
/** Most unpaid agreements of all identities. */
const UNPAID = 256
/** How long an unpaid agreement keeps its place when others ask for one, ms. */
const HOLDS = 2 * MINUTE
/** Most disk space for the inputs of waiting jobs and unpaid results, bytes. */
const MOST_BYTES = 4 * GIB

/** Why there is no room for one more job beside these open ones, or null. */
export function fullnessFor(terms: JobTerms, open: Iterable<Job>, cores: number): string | null {
  let [taken, unpaid, theirs] = [0, 0, 0]
  let outputs = terms.limits.outputBytes
  const inputs = new Map(inputsOf(terms))
  for (const { state, statement, terms: other } of open) {
    outputs += statement?.statement.output.byteLength ?? other.limits.outputBytes
    if (state !== JOB.AGREED && state !== JOB.QUEUED) continue
    taken++
    for (const [name, bytes] of inputsOf(other)) inputs.set(name, bytes)
    if (state === JOB.QUEUED) continue
    unpaid++
    if (other.buyer.identity.equals(terms.buyer.identity)) theirs++
  }
  if (taken >= cores + QUEUE || unpaid >= UNPAID) return 'the queue of jobs is full'
  if (theirs >= UNPAID_EACH) return 'this buyer has too many agreements that are not paid'
  const bytes = [...inputs.values()].reduce((sum, each) => sum + each, outputs)
  return bytes > MOST_BYTES ? 'the disk has no room for the inputs and results of more jobs' : null
}

/** True when an unpaid agreement must give its place to another. */
export function givesWay({ state, created }: Pick<Job, 'state' | 'created'>, now: number): boolean {
  return state === JOB.AGREED && now - created >= HOLDS
}

/** The inputs of a job with their sizes, keyed by buyer and hash: jobs that share an input share its copy on disk. */
function inputsOf({ module, input, buyer }: JobTerms): [string, number][] {
  return [module, input].map(({ sha256, byteLength }) => [
    Buffer.concat([buyer.identity, sha256]).toString('hex') + byteLength,
    byteLength
  ])
}
