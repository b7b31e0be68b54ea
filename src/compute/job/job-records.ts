import crypto from 'hypercore-crypto'
import type { Countersign, Job } from '#spec'
import { decode, domain, encode } from '../../../contracts/schema/codec.js'
import { jobId } from '../../../contracts/job.js'
import type { Change, Facts } from '../../store/facts.js'

export type JobRole = 'buyer' | 'provider'

/**
 * Buyer: AGREED (signed by us), BOUND (signed by both), RUNNING (the base is paid), COMMITTED, REVEALED, DONE. Provider:
 * AGREED, QUEUED (the base is paid: fetched and run, from the start after each restart), COMMITTED, REVEALED, PAID, DONE
 * (the output was fetched, or kept long enough). Both: VOID, the base was never paid; FAILED and ENDED, left before the
 * result was paid.
 */
export type JobState =
  | 'AGREED'
  | 'BOUND'
  | 'QUEUED'
  | 'RUNNING'
  | 'COMMITTED'
  | 'REVEALED'
  | 'DONE'
  | 'PAID'
  | 'FAILED'
  | 'ENDED'
  | 'VOID'

const KIND = { buyer: 'job-buyer', provider: 'job-provider' } as const
const DUES = 'job-due'
const OVER: ReadonlySet<string> = new Set<JobState>(['DONE', 'FAILED', 'ENDED', 'VOID'])

export function isOver({ state }: Pick<Job, 'state'>): boolean {
  return OVER.has(state)
}

/** The compute agreements of this node in both roles, with their states. */
export class JobRecords {
  readonly #facts: Facts
  readonly #now: () => number

  constructor(facts: Facts, now: () => number = Date.now) {
    this.#facts = facts
    this.#now = now
  }

  get(role: JobRole, id: Buffer): Job | null {
    const bytes = this.#facts.get(KIND[role], id)
    return bytes && decode('job', bytes)
  }

  *list(role: JobRole): Generator<{ id: Buffer; job: Job }> {
    for (const { key, value } of this.#facts.list(KIND[role])) yield { id: key, job: decode('job', value) }
  }

  change(job: Job): Change {
    const value = encode('job', { ...job, changed: this.#now() })
    return { kind: KIND[job.role as JobRole], key: jobId(job.terms), value }
  }

  /** On disk when it resolves. */
  async save(job: Job): Promise<void> {
    await this.#facts.set(this.change(job))
  }

  /** The provider's signed request for one payment of a job. */
  due(id: Buffer, installment: number): Countersign | null {
    const bytes = this.#facts.get(DUES, dueKey(id, installment))
    return bytes && decode('countersign', bytes)
  }

  async saveDue(id: Buffer, installment: number, countersign: Countersign): Promise<void> {
    await this.#facts.set({
      kind: DUES,
      key: dueKey(id, installment),
      value: encode('countersign', countersign)
    })
  }
}

function dueKey(id: Buffer, installment: number): Buffer {
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(installment)
  return crypto.hash([domain(DUES), id, tail])
}
