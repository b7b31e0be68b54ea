import type { Job, JobTerms } from '#spec'
import { BOUNDS } from '../../../base/bounds/bounds.js'
import { jobId } from '../../../../contracts/job.js'
import type { Counterparty } from '../../../deal/channel.js'
import { DeclineError } from '../../../deal/decline.js'
import { UnpaidHolds } from '../../../deal/unpaid-holds.js'
import type { Asking, UnpaidHold } from '../../../deal/unpaid-holds.js'
import { JOB } from '../../job/job-state.js'
import type { JobRecords } from '../../job/job-records.js'
import { jobBytes, missingFor, queueFault } from '../capacity.js'
import type { OpenJobs } from '../open-jobs.js'

const FULL = 'the disk has no room for the inputs and results of more jobs'

export interface JobRoomOptions {
  open: OpenJobs
  records: JobRecords
  now: () => number
  cores: () => number
  /** Ends an agreement that nobody paid; its invoices are refused. */
  release(hold: UnpaidHold): Promise<void>
}

/** The places and the disk that a provider has for one more job: what is paid for stays, what is not gives way. */
export class JobRoom {
  readonly #options: JobRoomOptions
  readonly #unpaid: UnpaidHolds

  constructor(options: JobRoomOptions) {
    this.#options = options
    this.#unpaid = new UnpaidHolds(BOUNDS.unpaidJobs, options.now, options.release)
  }

  /** Agreements that are not paid. */
  get unpaid(): number {
    return this.#unpaid.count
  }

  /** Takes in the agreements of an earlier process; of their addresses nothing is known. */
  load(): void {
    for (const job of this.#options.open.list())
      if (job.state === JOB.AGREED) this.#unpaid.add(this.#holdOf(job.terms, null, job.created))
  }

  /** Why there is no room for one more job of this buyer, or null; `terms` is null before there are any. */
  fault(from: Counterparty, terms: JobTerms | null): string | null {
    const { open, cores } = this.#options
    const asking = this.#askingOf(from, terms ? jobBytes(terms) : 0)
    const fault = queueFault(open.list(), cores()) ?? this.#unpaid.placeFault(asking)
    if (fault || !terms) return fault
    return missingFor(terms, open.list()) > this.#unpaid.yielding(asking) ? FULL : null
  }

  /** Ends what must give way to these terms, and takes their place. Declines when there is no room for them. */
  async make(from: Counterparty, terms: JobTerms): Promise<void> {
    const { open, now } = this.#options
    const missing = (): number => missingFor(terms, open.list())
    await this.#unpaid.makeRoom(this.#askingOf(from, jobBytes(terms)), missing)
    // A payment at the last moment may have kept what had to give way.
    if (missing() > 0) throw new DeclineError('NO_CAPACITY', FULL)
    this.#unpaid.add(this.#holdOf(terms, from.address, now()))
  }

  changed(job: Job): void {
    if (job.state !== JOB.AGREED) this.#unpaid.delete(jobId(job.terms))
  }

  #askingOf({ identity, device, address }: Omit<Counterparty, 'lightning'>, amount: number): Asking {
    return { identity, address, amount, isCustomer: this.#options.records.dealings(device) !== null }
  }

  #holdOf(terms: JobTerms, address: string | null, since: number): UnpaidHold {
    const { identity, device } = terms.buyer
    const asking = this.#askingOf({ identity: identity!, device: device!, address }, jobBytes(terms))
    return { ...asking, id: jobId(terms), since }
  }
}
