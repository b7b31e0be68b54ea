import { EventEmitter, once } from 'node:events'
import ReadyResource from 'ready-resource'
import type { Job, JobDue, JobProgress } from '#spec'
import { BushelError } from '../../contracts/errors.js'
import { FINAL_EPOCH, jobId } from '../../contracts/job.js'
import { DAY, GIB } from '../../contracts/quantity.js'
import { sign } from '../../contracts/signature.js'
import type { Answer, Counterparty, DealChannel } from '../deal/channel.js'
import { Decline } from '../deal/decline.js'
import { isSettled } from '../payment/ledger.js'
import type { Payment } from '../payment/ledger.js'
import type { Teller } from '../payment/teller.js'
import { Turns } from '../payment/turns.js'
import type { Blobs } from './blobs.js'
import { fullnessFor, givesWay } from './job-capacity.js'
import { assertAcceptable } from './job-desk.js'
import type { Capacity, DeskOptions } from './job-desk.js'
import { isOver } from './job-records.js'
import type { JobRecords } from './job-records.js'
import { dueOf } from './job-till.js'
import { workOn } from './job-work.js'
import type { WorkOptions, WorkState } from './job-work.js'
import { Pace } from './pace.js'
import type { PaceSettings } from './pace.js'
import { Places } from './places.js'
import { Sandbox } from './sandbox/sandbox.js'

/** What the owner lends of the machine. */
export interface WorkerSettings extends PaceSettings {
  /** Jobs at once. */
  cores: number
  /** For all jobs together, bytes. */
  memoryBytes: number
  /** Run jobs in a process alone, where bubblewrap does not work. */
  allowProcess: boolean
}

export interface WorkerOptions extends DeskOptions, Pick<WorkOptions, 'unpaidMs' | 'fetchMs'> {
  settings?: Partial<WorkerSettings>
  teller: Teller
  jobs: JobRecords
  blobs: Blobs
  openSandbox?: () => Sandbox
  onfault: (error: unknown) => void
  /** Processors that others keep busy; measured by default. */
  busy?: () => number
  /** How long the word of a payer is held against our own wallet, ms. */
  receiveMs?: number
  /** How long a result that is not paid is kept, ms. */
  keepMs?: number
  /** ms between looks at what has run out. */
  tickEvery?: number
}

export const WORKER_SETTINGS: WorkerSettings = {
  cores: 1,
  memoryBytes: GIB,
  hours: null,
  onlyIdle: false,
  allowProcess: false
}

/** Answers about one job are held so long when there is nothing new, ms, and so many for one channel. */
const HOLD = 2000
const HELD = 4

/** A job that is worked on. */
interface Live {
  state: WorkState
  fuel: bigint
  /** How many segments were paid when it came to wait for the next one. */
  paid: number
  stop: AbortController
  done: Promise<void>
}

/**
 * The provider's side of compute: jobs that are agreed and whose base is paid are fetched, run one slice ahead of what is
 * paid, and their results handed over encrypted; the key goes to whoever has paid the rest. Everything that was promised
 * is on disk first; after a restart a job runs again from its beginning, and payment goes on where it stood.
 *
 * Events: `change` (job) when its record has changed, `progress` (job, state, fuel) of one that is worked on, `left` (job)
 * when its work has ended, however it did.
 */
export class Worker extends ReadyResource {
  readonly pace: Pace
  readonly places: Places
  readonly #options: WorkerOptions
  readonly #now: () => number
  #settings: WorkerSettings
  readonly #live = new Map<string, Live>()
  /** Jobs that are not over, by id in hex. */
  readonly #open = new Map<string, Job>()
  readonly #bell = new EventEmitter().setMaxListeners(0)
  readonly #held = new WeakMap<DealChannel, number>()
  #sandbox: Sandbox | null = null
  readonly #turns = new Turns()
  #timer: NodeJS.Timeout | null = null
  #ticking: Promise<void> = Promise.resolve()
  readonly #onreceived = (payment: Payment): void =>
    void this.#paid(payment).catch(error => this.#options.onfault(error))

  constructor(options: WorkerOptions) {
    super()
    this.#options = options
    this.#now = options.now
    this.#settings = { ...WORKER_SETTINGS, ...options.settings }
    const { cores, memoryBytes } = this.#settings
    this.places = new Places(cores, memoryBytes)
    this.pace = new Pace({
      settings: this.#settings,
      now: options.now,
      ...(options.busy ? { busy: options.busy } : {})
    })
    const { deals } = options
    deals.handle('jobAgree', ({ terms, signature }, peer, _channel, id) =>
      this.#turns.take('agree', () => this.#agree({ terms, signature }, peer, id))
    )
    deals.handle('jobProgress', ({ agreement }, peer, channel) => this.#progress(agreement, peer, channel))
    deals.handle('jobReveal', ({ agreement }, peer) => this.#reveal(agreement, peer))
    deals.handle('jobFinal', ({ agreement }, peer) => this.#final(agreement, peer))
    deals.handle('jobKey', ({ agreement }, peer) => this.#key(agreement, peer))
    deals.handle('jobCancel', ({ agreement }, peer) => this.#cancel(agreement, peer))
  }

  get settings(): WorkerSettings {
    return this.#settings
  }

  /** What the owner lends from now on. */
  configure(settings: Partial<WorkerSettings>): void {
    this.#settings = { ...this.#settings, ...settings }
    this.places.cores = this.#settings.cores
    this.places.memoryBytes = this.#settings.memoryBytes
    this.places.look()
    this.pace.set(this.#settings)
  }

  protected override async _open(): Promise<void> {
    const { teller, jobs, blobs } = this.#options
    teller.on('received', this.#onreceived)
    for (const { id, job } of jobs.list('provider')) {
      if (isOver(job)) continue
      this.#open.set(id.toString('hex'), job)
      const output = job.statement?.statement.output
      if (output) blobs.grant(output, job.terms.buyer.device, id)
      if (job.state === 'QUEUED') this.#begin(id.toString('hex'))
    }
    // A payment that was received just before a kill is in the ledger; its job may not have heard of it.
    for (const key of [...this.#open.keys()]) await this.#apply(key)
    for (const payment of [...teller.ledger.at('received')]) await this.#paid(payment)
    this.#timer = setInterval(() => this.#tick(), this.#options.tickEvery ?? 30_000)
    this.#timer.unref()
  }

  protected override async _close(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    this.#options.teller.off('received', this.#onreceived)
    const closed = BushelError.failed('the worker was closed', undefined, 'CLOSED')
    for (const { stop } of this.#live.values()) stop.abort(closed)
    this.#bell.emit('closed')
    await this.#ticking
    await Promise.all([...this.#live.values()].map(({ done }) => done))
    this.pace.stop()
    await this.#sandbox?.close()
  }

  /** Jobs that are not over, with what is done for them now. */
  get jobs(): { job: Job; state: string; fuel: bigint }[] {
    return [...this.#open].map(([key, job]) => {
      const live = this.#live.get(key)
      return { job, state: live?.state ?? job.state, fuel: live?.fuel ?? 0n }
    })
  }

  // Before the agreement

  async #agree(
    agree: Pick<Job, 'terms' | 'signature'>,
    from: Counterparty,
    requestId: Buffer
  ): Promise<Answer<'jobAgree'>> {
    const { deals, jobs } = this.#options
    const id = jobId(agree.terms)
    const known = jobs.get('provider', id)
    if (known?.terms.buyer.device.equals(from.device))
      return { body: { agreement: id, signature: known.countersign! } }
    await assertAcceptable(this.#options, agree, from, requestId, () => this.#capacity(agree.terms))
    const signature = sign('job-terms', agree.terms, deals.self.device)
    const now = this.#now()
    const job: Job = {
      role: 'provider',
      state: 'AGREED',
      created: now,
      changed: now,
      runs: 0,
      ...agree,
      countersign: signature
    }
    await this.#save(job)
    return { body: { agreement: id, signature } }
  }

  async #capacity(terms: Job['terms']): Promise<Capacity> {
    const { isolation } = await this.#guests()
    const { allowProcess, memoryBytes, cores } = this.#settings
    const fullness = (): string | null => fullnessFor(terms, this.#open.values(), cores)
    if (fullness()) await this.#makeWay()
    return { isolation, allowProcess, memoryBytes, fault: this.pace.fault ?? fullness() }
  }

  /** Agreements that were not paid at once end: from then on none of them can be. */
  async #makeWay(): Promise<void> {
    for (const job of [...this.#open.values()])
      if (givesWay(job, this.#now()))
        await this.#end(jobId(job.terms), 'VOID', 'another took its place before it was paid')
  }

  async #guests(): Promise<Sandbox> {
    this.#sandbox ??= this.#options.openSandbox?.() ?? new Sandbox()
    await this.#sandbox.ready()
    return this.#sandbox
  }

  // Payment

  async #paid(payment: Payment): Promise<void> {
    const key = payment.agreement.toString('hex')
    if (payment.kind !== 'slice' || !this.#open.has(key)) return
    await this.#apply(key)
    this.#options.teller.applied(payment)
    this.#ring(payment.agreement)
  }

  /** The job follows what is paid. Done twice it changes nothing. */
  async #apply(key: string): Promise<void> {
    const job = this.#open.get(key)
    if (!job) return
    const { ledger } = this.#options.teller
    const id = jobId(job.terms)
    if (job.state === 'AGREED' && ledger.contiguous(id) > 0) {
      await this.#save({ ...job, state: 'QUEUED' })
      this.#begin(key)
    } else if (isSettled(ledger.payment(id, FINAL_EPOCH)?.step ?? 'listed')) {
      await this.#settle(job)
    }
  }

  /** All is paid: the result is the buyer's. */
  async #settle(job: Job): Promise<void> {
    if (job.state === 'REVEALED') await this.#save({ ...job, state: 'PAID' })
  }

  // Work

  #begin(key: string): void {
    const job = this.#open.get(key)
    if (job?.state !== 'QUEUED' || this.#live.has(key) || this.closing) return
    const live: Live = {
      state: 'QUEUED',
      fuel: 0n,
      paid: 0,
      stop: new AbortController(),
      done: Promise.resolve()
    }
    this.#live.set(key, live)
    live.done = workOn(job, {
      ...this.#options,
      pace: this.pace,
      places: this.places,
      guests: () => this.#guests(),
      signal: live.stop.signal,
      whenRung: signal => once(this.#bell, key, { signal }),
      save: one => this.#save(one),
      isOpen: () => this.#open.has(key),
      tell: (state, fuel) => this.#tell(job, live, state, fuel)
    })
      .catch(error => this.#failed(job, live, error))
      .catch(error => this.#options.onfault(error))
      .finally(() => {
        this.#live.delete(key)
        this.#ring(jobId(job.terms))
        this.emit('left', job)
      })
  }

  async #failed(job: Job, { stop }: Live, error: unknown): Promise<void> {
    if (this.closing || stop.signal.aborted) return // it goes on after the next start, or its end is on disk already
    const reason = error instanceof Error ? error.message : String(error)
    if (!(error instanceof BushelError)) this.#options.onfault(error)
    await this.#end(jobId(job.terms), 'FAILED', reason)
  }

  /** Ends a job, unless all of it, or the base that was waited for, turns out to be paid. Nothing is taken for it then. */
  #end(id: Buffer, state: 'FAILED' | 'ENDED' | 'VOID', reason: string): Promise<void> {
    const key = id.toString('hex')
    return this.#turns.take(key, async () => {
      await this.#options.teller.refuseRest(id)
      // What was paid just before it was refused counts.
      await this.#apply(key)
      const job = this.#open.get(key)
      if (!job || job.state === 'PAID' || (state === 'VOID' && job.state !== 'AGREED')) return
      this.#live.get(key)?.stop.abort(BushelError.failed(reason, undefined, 'JOB_OVER'))
      await this.#save({ ...job, state, reason: reason.slice(0, 300) })
      if (job.statement) await this.#options.blobs.drop(job.statement.statement.output)
    })
  }

  // What the buyer asks

  async #progress(
    agreement: Buffer,
    peer: Counterparty,
    channel: DealChannel
  ): Promise<Answer<'jobProgress'>> {
    const body = await this.#standing(this.#of(agreement, peer))
    const held = this.#held.get(channel) ?? 0
    if (body.due || body.commitment || body.reason || held >= HELD || this.closing) return { body }
    this.#held.set(channel, held + 1)
    try {
      await once(this.#bell, agreement.toString('hex'), { signal: AbortSignal.timeout(HOLD) })
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'AbortError') throw error
    } finally {
      this.#held.set(channel, this.#held.get(channel)! - 1)
    }
    return { body: await this.#standing(this.#of(agreement, peer)) }
  }

  async #standing(job: Job): Promise<JobProgress> {
    const key = jobId(job.terms).toString('hex')
    const { state, commitment, reason } = job
    if (isOver(job) && state !== 'DONE') return { state, fuel: 0n, reason: reason ?? state }
    if (commitment) return { state, fuel: job.statement!.statement.result.fuel, commitment }
    const live = this.#live.get(key)
    const progress = { state: live?.state ?? state, fuel: live?.fuel ?? 0n }
    const due = await this.#due(key, () => this.#segmentDue(key))
    return due ? { ...progress, due } : progress
  }

  /** The base, or the segment that the work waits for; once that is paid none, until it waits again. */
  #segmentDue(key: string): number | null {
    const job = this.#open.get(key)
    if (job?.state === 'AGREED') return 0
    const live = this.#live.get(key)
    if (!job || live?.state !== 'WAITING') return null
    return this.#options.teller.ledger.contiguous(jobId(job.terms)) === live.paid ? live.paid : null
  }

  /** Asks for a payment in turn with the end of the job: none is asked for that is not taken any more. */
  async #due(key: string, epochDue: () => number | null): Promise<JobDue | null> {
    if (epochDue() === null) return null
    return this.#turns.take(key, async () => {
      const epoch = epochDue()
      if (epoch === null) return null
      try {
        return await dueOf(this.#options, this.#open.get(key)!, epoch)
      } catch (error) {
        if (error instanceof BushelError && error.code === 'SLICE_REFUSED') return null
        throw error
      }
    })
  }

  async #reveal(agreement: Buffer, peer: Counterparty): Promise<Answer<'jobReveal'>> {
    const job = this.#of(agreement, peer)
    if (isOver(job) && job.state !== 'DONE')
      throw new Decline('NO_RESULT', `the job is over: ${job.reason ?? job.state}`)
    if (!job.statement) throw new Decline('NO_RESULT', 'there is no result to reveal')
    if (!isOver(job)) this.#options.blobs.grant(job.statement.statement.output, peer.device, agreement)
    if (job.state === 'COMMITTED') await this.#save({ ...job, state: 'REVEALED' })
    return { body: job.statement }
  }

  async #final(agreement: Buffer, peer: Counterparty): Promise<Answer<'jobFinal'>> {
    const key = agreement.toString('hex')
    const { state, statement } = this.#of(agreement, peer)
    if (state === 'REVEALED' && statement!.statement.finalMsat === 0n)
      throw new Decline('NOTHING_DUE', 'what was paid covers it all')
    const due = await this.#due(key, () => (this.#open.get(key)?.state === 'REVEALED' ? FINAL_EPOCH : null))
    if (!due) throw new Decline('NOTHING_DUE', `the job is ${this.#of(agreement, peer).state}`)
    return { body: due }
  }

  async #key(agreement: Buffer, peer: Counterparty): Promise<Answer<'jobKey'>> {
    const { teller, blobs, receiveMs = WAIT_FOR_PAYMENT } = this.#options
    const job = this.#of(agreement, peer)
    if (!OPENS.has(job.state)) throw new Decline('NO_RESULT', 'there is no result to open')
    const { finalMsat: last, output } = job.statement!.statement
    if (last > 0n && !(await teller.wasReceived(agreement, FINAL_EPOCH, receiveMs)))
      throw new Decline('NOT_RECEIVED', 'the last payment has not come')
    await this.#settle(this.#of(agreement, peer))
    if (blobs.wasSent(output, peer.device)) await this.#close(this.#of(agreement, peer))
    return { body: job.key! }
  }

  /** The output was fetched, or kept for long enough. */
  async #close(job: Job): Promise<void> {
    if (job.state !== 'PAID') return
    await this.#save({ ...job, state: 'DONE' })
    await this.#options.blobs.drop(job.statement!.statement.output)
  }

  async #cancel(agreement: Buffer, peer: Counterparty): Promise<Answer<'jobCancel'>> {
    const job = this.#of(agreement, peer)
    if (job.state === 'PAID') await this.#close(job)
    else if (!isOver(job)) await this.#end(agreement, 'ENDED', 'cancelled by the buyer')
    return { body: { ok: 1 } }
  }

  #of(agreement: Buffer, peer: Counterparty): Job {
    const job = this.#open.get(agreement.toString('hex')) ?? this.#options.jobs.get('provider', agreement)
    if (!job?.terms.buyer.device.equals(peer.device))
      throw new Decline('NO_AGREEMENT', 'this node has no such agreement with you')
    return job
  }

  // What runs out

  #tick(): void {
    this.#ticking = this.#ticking.then(() => this.look()).catch(error => this.#options.onfault(error))
  }

  /** Ends what has run out: agreements that nobody paid for, results that nobody fetched. */
  async look(): Promise<void> {
    const { keepMs = DAY } = this.#options
    for (const key of [...this.#open.keys()]) {
      const job = this.#open.get(key)
      if (!job || this.closing) continue
      const now = this.#now()
      const id = jobId(job.terms)
      const isKept = now <= job.changed + keepMs
      if (job.state === 'AGREED' && now > job.terms.startBy)
        await this.#end(id, 'VOID', 'its base was never paid')
      else if ((job.state === 'COMMITTED' || job.state === 'REVEALED') && !isKept)
        await this.#end(id, 'ENDED', 'its result was not paid')
      else if (job.state === 'PAID' && !isKept) await this.#close(job)
    }
  }

  #tell(job: Job, live: Live, state: Live['state'], fuel: bigint): void {
    const changed = live.state !== state
    if (state === 'WAITING') live.paid = this.#options.teller.ledger.contiguous(jobId(job.terms))
    live.state = state
    live.fuel = fuel
    this.emit('progress', job, state, fuel)
    if (changed) this.#ring(jobId(job.terms))
  }

  #ring(id: Buffer): void {
    this.#bell.emit(id.toString('hex'))
  }

  async #save(job: Job): Promise<void> {
    const id = jobId(job.terms)
    const key = id.toString('hex')
    const saved = { ...job, changed: this.#now() }
    if (isOver(saved)) this.#open.delete(key)
    else this.#open.set(key, saved)
    await this.#options.jobs.save(saved)
    this.emit('change', saved)
    this.#ring(id)
  }
}

const OPENS = new Set(['REVEALED', 'PAID', 'DONE'])
const WAIT_FOR_PAYMENT = 10_000
