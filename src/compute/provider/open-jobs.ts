import { EventEmitter, once } from 'node:events'
import type { Job } from '#spec'
import { jobId } from '../../../contracts/job.js'
import type { Counterparty } from '../../deal/channel.js'
import { DeclineError } from '../../deal/decline.js'
import { KeyedMutex } from '../../base/mutex.js'
import { isOver } from '../job/job-records.js'
import type { JobRecords } from '../job/job-records.js'

/**
 * A provider's open jobs by id in hex, from their records on disk. Event: `change` (job) when a record has changed.
 */
export class OpenJobs extends EventEmitter {
  readonly #records: JobRecords
  readonly #now: () => number
  readonly #jobs = new Map<string, Job>()
  readonly #bell = new EventEmitter().setMaxListeners(0)
  readonly #mutex = new KeyedMutex()

  constructor(records: JobRecords, now: () => number) {
    super()
    this.#records = records
    this.#now = now
  }

  /** Loads the jobs of an earlier process. */
  load(): void {
    for (const { id, job } of this.#records.open('provider')) this.#jobs.set(id.toString('hex'), job)
  }

  keys(): string[] {
    return [...this.#jobs.keys()]
  }

  list(): Job[] {
    return [...this.#jobs.values()]
  }

  has(key: string): boolean {
    return this.#jobs.has(key)
  }

  get(key: string): Job | null {
    return this.#jobs.get(key) ?? null
  }

  /** The job of an agreement with this peer, also when it is over. Throws DeclineError when there is none. */
  of(agreement: Buffer, peer: Counterparty): Job {
    const job = this.get(agreement.toString('hex')) ?? this.#records.get('provider', agreement)
    if (!job?.terms.buyer.device.equals(peer.device))
      throw new DeclineError('NO_AGREEMENT', 'this node has no such agreement with this buyer')
    return job
  }

  async save(job: Job): Promise<void> {
    const id = jobId(job.terms)
    const key = id.toString('hex')
    const saved = { ...job, changed: this.#now() }
    const saving = this.#records.save(saved)
    if (isOver(saved)) this.#jobs.delete(key)
    else this.#jobs.set(key, saved)
    await saving
    this.emit('change', saved)
    this.ring(key)
  }

  /** Serializes decisions about a job, so that each sees the state that the previous one left. */
  inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(key, work)
  }

  /** Wakes the requests that wait for news of a job. */
  ring(key: string): void {
    this.#bell.emit(key)
  }

  async whenRung(key: string, signal: AbortSignal): Promise<void> {
    await once(this.#bell, key, { signal })
  }
}
