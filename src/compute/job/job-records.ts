import type { Countersign, Job } from '#spec'
import { jobId } from '../../../contracts/job.js'
import { change } from '../../store/change.js'
import type { Change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import type { Entry } from '../../store/table.js'
import { nullLogger } from '../../base/logger.js'
import type { Logger } from '../../base/logger.js'
import { logJob } from './job-log.js'
import { JOB, jobStates } from './job-state.js'
import { dueTable, jobTable } from '../tables.js'
import { trustedNow } from '../../base/time/trusted-time.js'

export { isOver } from './job-state.js'
export type { JobState } from './job-state.js'

export type JobRole = 'buyer' | 'provider'

export interface JobRow {
  id: Buffer
  job: Job
}

/** The compute agreements of this node in both roles, with their states. */
export class JobRecords {
  readonly #store: Store
  readonly #now: () => number
  readonly #log: Logger

  /** `log` hears of every new state once it is on disk. */
  constructor(store: Store, now: () => number = trustedNow, log: Logger = nullLogger) {
    this.#store = store
    this.#now = now
    this.#log = log
  }

  get(role: JobRole, id: Buffer): Job | null {
    return this.#store.table(jobTable).get([role, id])
  }

  /** Every job of a role with its id, also those that are over. */
  *list(role: JobRole): Iterable<JobRow> {
    yield* rowsOf(this.#store.table(jobTable).list({ under: [role] }))
  }

  /** The jobs of a role that are not over. */
  *open(role: JobRole): Iterable<JobRow> {
    yield* rowsOf(this.#store.table(jobTable).by('open', { under: role }))
  }

  /** The jobs with this device in both roles that are not over. */
  *with(device: Buffer): Iterable<JobRow> {
    yield* rowsOf(this.#store.table(jobTable).by('device', { under: device }))
  }

  /** Whether something was paid for a job of this device, or this node buys from it. */
  dealings(device: Buffer): 'pays' | 'has paid' | null {
    for (const { job } of this.with(device))
      if (job.role === 'buyer' || job.state !== JOB.AGREED) return 'pays'
    return this.#store.table(jobTable).first('customer', { under: device }) ? 'has paid' : null
  }

  /** Every job is written by this change, so that none skips the table of its states. */
  change(job: Job): Change {
    const role = job.role as JobRole
    const key = jobId(job.terms)
    const before = this.get(role, key)?.state ?? null
    jobStates.transition(role, before, job.state, this.#log)
    const ondisk = (): void => {
      if (job.state !== before) logJob(this.#log, job)
    }
    return { ...change(jobTable, [role, key], { ...job, changed: this.#now() }), ondisk }
  }

  /** On disk when it resolves. Throws at once, and changes nothing, when the job cannot go to this state. */
  save(job: Job): Promise<void> {
    return this.#store.set(this.change(job))
  }

  /** The provider's signed request for one payment of a job. */
  due(id: Buffer, installment: number): Countersign | null {
    return this.#store.table(dueTable).get([id, installment])
  }

  dueChange(id: Buffer, installment: number, countersign: Countersign): Change {
    return change(dueTable, [id, installment], countersign)
  }
}

function* rowsOf(entries: Iterable<Entry<readonly [string, Buffer], Job>>): Iterable<JobRow> {
  for (const { key, value } of entries) yield { id: key[1], job: value }
}
