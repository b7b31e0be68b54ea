import ReadyResource from 'ready-resource'
import type { Job, JobTerms } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { FINAL_INSTALLMENT, jobId } from '../../../contracts/job.js'
import { DAY } from '../../../contracts/money/quantity.js'
import type { Used } from '../../base/bounds/bounds.js'
import { Poller } from '../../base/poller.js'
import { Scope } from '../../base/scope.js'
import type { Counterparty } from '../../deal/channel.js'
import { isSettled } from '../../payment/ledger.js'
import type { Payment } from '../../payment/ledger.js'
import { JobSelling } from './job-selling.js'
import { JobCounter } from './job/requests.js'
import { JOB } from '../job/job-state.js'
import type { JobState } from '../job/job-state.js'
import { LiveJobs } from './live-jobs.js'
import type { LiveJob } from './live-jobs.js'
import { JobRoom } from './job/room.js'
import { endOf } from './due.js'
import type { Capacity } from './admission.js'
import { workOn } from './job/work.js'
import type { WorkState } from './job/work.js'
import { OpenJobs } from './open-jobs.js'
import { WorkSchedule } from './schedule.js'
import { JobSlots } from './slots.js'
import { Sandbox } from '../sandbox/sandbox.js'
import type { Wall } from '../sandbox/sandbox.js'
import { WORKER_SETTINGS } from './worker-options.js'
import type { WorkerOptions, WorkerSettings } from './worker-options.js'
import { STEP } from '../../payment/payment-state.js'

/**
 * The provider's side of compute. Once the base of an agreed job is paid, the worker fetches its inputs, runs it one
 * segment ahead of payment and delivers the result encrypted; the buyer gets the key after paying the rest. Every promise
 * is on disk first; after a restart a job runs again from its start, and payment goes on where it was.
 *
 * Events: `change` (job) when its record has changed, `progress` (job, state, fuel) of a running job, `left` (job) when
 * its work has ended for any reason.
 */
export class Worker extends ReadyResource {
  readonly schedule: WorkSchedule
  readonly slots: JobSlots
  /** Its quotes and agreements. */
  readonly selling: JobSelling
  readonly #options: WorkerOptions
  readonly #now: () => number
  /** Undone at close; the worker answers from its construction on. */
  readonly #scope = new Scope()
  #settings: WorkerSettings
  readonly #live = new LiveJobs()
  readonly #open: OpenJobs
  readonly #room: JobRoom
  #sandbox: Sandbox | null = null
  readonly #poller: Poller
  readonly #onreceived = (payment: Payment): void =>
    void this.#paid(payment).catch(error => this.#options.log.fault(error))

  constructor(options: WorkerOptions) {
    super()
    this.#options = options
    this.#now = options.now
    this.#poller = new Poller({
      look: () => this.look(),
      interval: options.tickEvery ?? 30_000,
      onerror: options.log.fault
    })
    this.#settings = { ...WORKER_SETTINGS, ...options.settings }
    const { cores, memoryBytes } = this.#settings
    this.slots = new JobSlots(cores, memoryBytes)
    this.schedule = new WorkSchedule({
      settings: this.#settings,
      now: options.now,
      ...(options.busy ? { busy: options.busy } : {})
    })
    this.schedule.on('change', () => {
      if (this.schedule.fault) options.log.info('jobs paused', { reason: this.schedule.fault })
      else options.log.info('jobs resumed')
    })
    const { deals, payments, blobs, receiveMs } = options
    this.#open = new OpenJobs(options.jobs, options.now)
    this.#room = new JobRoom({
      open: this.#open,
      records: options.jobs,
      now: options.now,
      cores: () => this.#settings.cores,
      release: ({ id }) =>
        this.#end(id, JOB.VOID, 'it was not paid in time, and its place was given to another job')
    })
    this.#open.on('change', (job: Job) => {
      this.#room.changed(job)
      this.emit('change', job)
    })
    this.#scope.add(() => this.#stopWork())
    this.selling = new JobSelling({
      self: deals.self,
      now: options.now,
      canReceive: options.canReceive,
      statedLeast: options.statedLeast ?? (async () => null),
      job: id => options.jobs.get('provider', id),
      capacity: (from, terms) => this.#capacity(from, terms),
      makeRoom: (from, terms) => this.#room.make(from, terms),
      save: job => this.#open.save(job)
    })
    const counter = new JobCounter({
      ...{ deals, payments, blobs, jobs: this.#open },
      standing: key => this.#live.get(key),
      settle: job => this.#settle(job),
      close: job => this.#close(job),
      cancel: agreement => this.#end(agreement, JOB.ENDED, 'cancelled by the buyer'),
      ...(receiveMs === undefined ? {} : { receiveMs })
    })
    this.#scope.add(() => counter.close())
  }

  get settings(): WorkerSettings {
    return this.#settings
  }

  /** What stands around its guests; null before there were any. */
  get walls(): readonly Wall[] | null {
    return this.#sandbox?.opened ? this.#sandbox.walls : null
  }

  /** Changes the owner's limits. */
  configure(settings: Partial<WorkerSettings>): void {
    this.#settings = { ...this.#settings, ...settings }
    this.slots.cores = this.#settings.cores
    this.slots.memoryBytes = this.#settings.memoryBytes
    this.slots.look()
    this.schedule.set(this.#settings)
  }

  protected override _open(): Promise<void> {
    return this.#scope.guard(() => this.#start())
  }

  async #start(): Promise<void> {
    const { payments, blobs } = this.#options
    this.#scope.on(payments, 'received', this.#onreceived)
    this.#open.load()
    this.#room.load()
    for (const job of this.#open.list()) {
      const id = jobId(job.terms)
      const output = job.statement?.statement.output
      if (output) blobs.grant(output, job.terms.buyer.device, id)
      if (job.state === JOB.QUEUED) this.#begin(id.toString('hex'))
    }
    // A job may have missed a payment that the ledger recorded just before a kill.
    for (const key of this.#open.keys()) await this.#apply(key)
    for (const payment of [...payments.ledger.at(STEP.received)]) await this.#paid(payment)
    void this.#poller.start(this.#options.tickEvery ?? 30_000)
  }

  protected override _close(): Promise<void> {
    return this.#scope.close()
  }

  async #stopWork(): Promise<void> {
    const closed = new BushelError('CLOSED', 'the worker was closed')
    this.#live.stopAll(closed)
    for (const key of this.#open.keys()) this.#open.ring(key)
    await this.#poller.close()
    await this.#live.ended()
    await this.schedule.stop()
    await this.#sandbox?.close()
  }

  /** Open jobs, with the state of their work while there is work. */
  get jobs(): { job: Job; work: WorkState | null; fuel: bigint }[] {
    return this.#open.list().map(job => {
      const live = this.#live.get(jobId(job.terms).toString('hex'))
      return { job, work: live?.state ?? null, fuel: live?.fuel ?? 0n }
    })
  }

  async #capacity(from: Counterparty, terms: JobTerms | null): Promise<Capacity> {
    const { isolation } = await this.#guests()
    const { allowProcess, memoryBytes, maxWallMs, maxCpuMs } = this.#settings
    const fault = this.schedule.fault ?? this.#room.fault(from, terms)
    return { isolation, allowProcess, memoryBytes, maxWallMs, maxCpuMs, fault }
  }

  /** How much of its bounds is used. */
  get used(): Used {
    const queued = this.#open.list().filter(({ state }) => state === JOB.QUEUED).length
    return { unpaidJobs: this.#room.unpaid, queuedJobs: Math.max(0, queued - this.#settings.cores) }
  }

  /** Agreements that are not paid. */
  get unpaid(): number {
    return this.#room.unpaid
  }

  async #guests(): Promise<Sandbox> {
    this.#sandbox ??= this.#options.openSandbox?.() ?? new Sandbox()
    await this.#sandbox.ready()
    return this.#sandbox
  }

  // Payment

  async #paid(payment: Payment): Promise<void> {
    const key = payment.agreement.toString('hex')
    if (payment.kind !== 'installment' || !this.#open.has(key)) return
    await this.#apply(key)
    this.#options.payments.applied(payment)
    this.#open.ring(key)
  }

  /** Applies the payments of a job to its state. Idempotent. */
  async #apply(key: string): Promise<void> {
    const job = this.#open.get(key)
    if (!job) return
    const { ledger } = this.#options.payments
    const id = jobId(job.terms)
    if (job.state === JOB.AGREED && ledger.contiguous(id) > 0) {
      await this.#open.save({ ...job, state: JOB.QUEUED })
      this.#begin(key)
      return
    }
    const last = ledger.payment(id, FINAL_INSTALLMENT)
    if (last && isSettled(last.step)) await this.#settle(job)
  }

  /** Handles the last payment: the buyer may open the result. */
  async #settle(job: Job): Promise<void> {
    if (job.state === JOB.REVEALED) await this.#open.save({ ...job, state: JOB.PAID })
  }

  // Work

  #begin(key: string): void {
    const job = this.#open.get(key)
    if (job?.state !== JOB.QUEUED || this.#live.get(key) || this.closing) return
    const work = (live: LiveJob): Promise<void> =>
      workOn(job, {
        ...this.#options,
        schedule: this.schedule,
        slots: this.slots,
        guests: () => this.#guests(),
        signal: live.stop.signal,
        whenRung: signal => this.#open.whenRung(key, signal),
        save: one => this.#open.save(one),
        isOpen: () => this.#open.has(key),
        tell: (state, fuel) => this.#tell(job, live, state, fuel)
      })
        .catch(error => this.#failed(job, live, error))
        .catch(error => this.#options.log.fault(error))
    this.#live.begin(key, work, () => {
      this.#open.ring(key)
      this.emit('left', job)
    })
  }

  async #failed(job: Job, { stop }: LiveJob, error: unknown): Promise<void> {
    if (this.closing || stop.signal.aborted) return // it goes on after the next start, or its end is already on disk
    const reason = error instanceof Error ? error.message : String(error)
    if (!(error instanceof BushelError)) this.#options.log.fault(error)
    await this.#end(jobId(job.terms), JOB.FAILED, reason)
  }

  /** Ends a job and refuses its payments, unless the expected payment turns out to have settled. */
  #end(id: Buffer, state: JobState, reason: string): Promise<void> {
    const key = id.toString('hex')
    return this.#open.inTurn(key, async () => {
      await this.#options.payments.refuseRest(id)
      // A payment that settled just before the refusal counts.
      await this.#apply(key)
      const job = this.#open.get(key)
      if (!job || job.state === JOB.PAID || (state === JOB.VOID && job.state !== JOB.AGREED)) return
      this.#live.get(key)?.stop.abort(new BushelError('JOB_OVER', reason))
      await this.#open.save({ ...job, state, reason: reason.slice(0, 300) })
      if (job.statement) await this.#options.blobs.drop(job.statement.statement.output)
    })
  }

  /** Closes a job whose output was fetched, or kept for long enough. */
  async #close(job: Job): Promise<void> {
    if (job.state !== JOB.PAID) return
    await this.#open.save({ ...job, state: JOB.DONE })
    await this.#options.blobs.drop(job.statement!.statement.output)
  }

  // Expiry

  /** Ends expired jobs: unpaid agreements, and results that were not fetched. */
  async look(): Promise<void> {
    const { keepMs = DAY } = this.#options
    for (const key of this.#open.keys()) {
      const job = this.#open.get(key)
      if (!job || this.closing) continue
      const end = endOf(job, this.#now(), keepMs)
      if (end?.state === JOB.DONE) await this.#close(job)
      else if (end) await this.#end(jobId(job.terms), end.state, end.reason)
    }
  }

  #tell(job: Job, live: LiveJob, state: LiveJob['state'], fuel: bigint): void {
    const changed = live.state !== state
    if (state === 'WAITING') live.paid = this.#options.payments.ledger.contiguous(jobId(job.terms))
    live.state = state
    live.fuel = fuel
    this.emit('progress', job, state, fuel)
    if (!changed) return
    if (state === 'RUNNING')
      this.#options.log.info('job running', { job: jobId(job.terms), role: 'provider' })
    else this.#options.log.debug(`job is ${state.toLowerCase()}`, { job: jobId(job.terms), role: 'provider' })
    this.#open.ring(jobId(job.terms).toString('hex'))
  }
}
