import type { Job, JobTerms } from '#spec'
import { GIB, MINUTE } from '../../contracts/quantity.js'

/** Jobs that wait or run beyond one for each core. */
const QUEUE = 16
/** Of these, agreements of one identity that are not paid. */
const UNPAID_EACH = 8
/** Agreements that are not paid, of everybody. */
const UNPAID = 256
/** So long an agreement that is not paid holds its place, ms. */
const HOLDS = 2 * MINUTE
/** What inputs in use and results that are not paid may occupy, bytes. */
const MOST_BYTES = 4 * GIB

export interface Holdings {
  /** Jobs that are not over. */
  open: Iterable<Job>
  cores: number
  /** Inputs in use, bytes. */
  pinnedBytes: number
  now: number
}

/** Why there is no place for one more job, or null. */
export function fullnessFor(terms: JobTerms, { open, cores, pinnedBytes, now }: Holdings): string | null {
  let [taken, unpaid, theirs] = [0, 0, 0]
  let bytes = pinnedBytes + terms.limits.outputBytes + terms.module.byteLength + terms.input.byteLength
  for (const { state, created, statement, terms: other } of open) {
    bytes += statement?.statement.output.byteLength ?? other.limits.outputBytes
    if (state === 'QUEUED' || (state === 'AGREED' && now - created < HOLDS)) taken++
    if (state !== 'AGREED') continue
    unpaid++
    if (other.buyer.identity.equals(terms.buyer.identity)) theirs++
  }
  if (taken >= cores + QUEUE || unpaid >= UNPAID) return 'the queue is full'
  if (theirs >= UNPAID_EACH) return 'too many agreements of yours are not paid'
  return bytes > MOST_BYTES ? 'the disk has no more room' : null
}
