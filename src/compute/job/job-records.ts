import crypto from 'hypercore-crypto'
import type { Countersign, Job } from '#spec'
import { decode, domain, encode } from '../../../contracts/schema/codec.js'
import { jobId } from '../../../contracts/job.js'
import type { Change, Facts } from '../../store/facts.js'
import { nullLogger } from '../../base/logger.js'
import type { Logger } from '../../base/logger.js'
import { logJob } from './job-log.js'
import { jobStates } from './job-state.js'

export { isOver } from './job-state.js'
export type { JobState } from './job-state.js'

export type JobRole = 'buyer' | 'provider'

const KIND = { buyer: 'job-buyer', provider: 'job-provider' } as const
const DUES = 'job-due'

/** The compute agreements of this node in both roles, with their states. */
export class JobRecords {
  readonly #facts: Facts
  readonly #now: () => number
  readonly #log: Logger

  /** `log` hears of every new state once it is on disk. */
  constructor(facts: Facts, now: () => number = Date.now, log: Logger = nullLogger) {
    this.#facts = facts
    this.#now = now
    this.#log = log
  }

  get(role: JobRole, id: Buffer): Job | null {
    const bytes = this.#facts.get(KIND[role], id)
    return bytes && decode('job', bytes)
  }

  *list(role: JobRole): Generator<{ id: Buffer; job: Job }> {
    for (const { key, value } of this.#facts.list(KIND[role])) yield { id: key, job: decode('job', value) }
  }

  /** Every job is written by this change, so that none skips the table of its states. */
  change(job: Job): Change {
    const value = encode('job', { ...job, changed: this.#now() })
    const role = job.role as JobRole
    const key = jobId(job.terms)
    const before = this.get(role, key)?.state ?? null
    jobStates.transition(role, before, job.state, this.#log)
    const ondisk = (): void => {
      if (job.state !== before) logJob(this.#log, job)
    }
    return { kind: KIND[role], key, value, ondisk }
  }

  /** On disk when it resolves. Throws at once, and changes nothing, when the job cannot go to this state. */
  save(job: Job): Promise<void> {
    return this.#facts.set(this.change(job))
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
