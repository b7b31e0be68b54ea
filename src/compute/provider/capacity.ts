import type { Job, JobTerms } from '#spec'
import { GIB, MINUTE } from '../../../contracts/money/quantity.js'

/** Jobs that wait or run beyond one for each core. */
const QUEUE = 16
/** Of these, agreements of one identity that are not paid. */
const UNPAID_EACH = 8
/** Agreements that are not paid, of everybody. */
const UNPAID = 256
/** So long an agreement that is not paid keeps its place when others ask for one, ms. */
const HOLDS = 2 * MINUTE
/** What inputs of jobs to be run, and results that are not paid, may occupy, bytes. */
const MOST_BYTES = 4 * GIB

/** Why there is no place for one more job beside these, which are not over; or null. */
export function fullnessFor(terms: JobTerms, open: Iterable<Job>, cores: number): string | null {
  let [taken, unpaid, theirs] = [0, 0, 0]
  let outputs = terms.limits.outputBytes
  const inputs = new Map(inputsOf(terms))
  for (const { state, statement, terms: other } of open) {
    outputs += statement?.statement.output.byteLength ?? other.limits.outputBytes
    if (state !== 'AGREED' && state !== 'QUEUED') continue
    taken++
    for (const [name, bytes] of inputsOf(other)) inputs.set(name, bytes)
    if (state === 'QUEUED') continue
    unpaid++
    if (other.buyer.identity.equals(terms.buyer.identity)) theirs++
  }
  if (taken >= cores + QUEUE || unpaid >= UNPAID) return 'the queue of jobs is full'
  if (theirs >= UNPAID_EACH) return 'this buyer has too many agreements that are not paid'
  const bytes = [...inputs.values()].reduce((sum, each) => sum + each, outputs)
  return bytes > MOST_BYTES ? 'the disk has no room for the inputs and results of more jobs' : null
}

/** Does an agreement that is not paid give its place up for another? */
export function givesWay({ state, created }: Pick<Job, 'state' | 'created'>, now: number): boolean {
  return state === 'AGREED' && now - created >= HOLDS
}

/** What a job needs on disk, each by whom it comes from and what it is: of two jobs that share it there is one copy. */
function inputsOf({ module, input, buyer }: JobTerms): [string, number][] {
  return [module, input].map(({ sha256, byteLength }) => [
    Buffer.concat([buyer.identity, sha256]).toString('hex') + byteLength,
    byteLength
  ])
}
