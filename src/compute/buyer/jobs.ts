import { join } from 'node:path'
import ReadyResource from 'ready-resource'
import type { RunRecord } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { INSTALLMENT_CAP, jobSegments } from '../../../contracts/job.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { INSTALLMENT_START } from '../../deal/sellers/first-installment.js'
import type { Store } from '../../store/store.js'
import { Checks } from './checks.js'
import { ProviderSelection, plannedReplicas } from './run/provider-selection.js'
import { EvidenceFiles } from '../job/evidence-files.js'
import { SharedTask } from './shared-task.js'
import type { LocalBlob, PackedJob } from './hire-port.js'
import { KeptOutputs } from './kept-outputs.js'
import { DeviceLoads } from './device-loads.js'
import { mapped } from './run/mapping.js'
import { endOf, outcomeOf } from './run/outcomes.js'
import { Run } from './run/run.js'
import type { RunContext } from './run/run.js'
import { RUN, isOpen } from './run/run-state.js'
import { RunRecords, fingerprintOf, newRecord, viewOf } from './run/run-records.js'
import type { JobView, MapOutcome, RunListener, RunOutcome, RunRequest } from './run/run-types.js'
import type { Logger } from '../../base/logger.js'
import { nameOf } from '../../base/states.js'

export type { JobView, MapOutcome, RunListener, RunOutcome, RunRequest } from './run/run-types.js'

/** Stores a job's module and input as blobs; the same bytes give the same blob. */
export interface PackPort {
  module(bytes: Buffer): Promise<LocalBlob>
  input(input: RunRequest['input']): Promise<LocalBlob>
}

export interface JobsOptions extends Omit<RunContext, 'records' | 'checks' | 'evidence' | 'deviceLoads'> {
  store: Store
  pack: PackPort
  /** Folder for evidence and for outputs. */
  folder: string
  /** Continue the unfinished runs of an earlier process when opened. */
  unattended: boolean
  /** Receives the events of runs that no caller waits for. */
  listener: RunListener
  log: Logger
  /** A random number in [0, 1) that decides whether a result is checked. */
  random?: () => number
}

const MAX_PARALLEL = 16

/** Buys runs of jobs. A run is on disk before a provider is contacted, and continues after a kill. */
export class Jobs extends ReadyResource {
  readonly #options: JobsOptions
  readonly #context: RunContext
  readonly #records: RunRecords
  readonly #outputs: KeptOutputs
  readonly #tasks = new Map<string, SharedTask<RunOutcome>>()
  readonly #views = new Map<string, Run>()

  constructor(options: JobsOptions) {
    super()
    const { store, folder, random } = options
    this.#options = options
    this.#records = new RunRecords(store, options.log)
    this.#outputs = new KeptOutputs(folder)
    this.#context = {
      ...options,
      records: this.#records,
      checks: new Checks(store, random),
      evidence: new EvidenceFiles(join(folder, 'evidence')),
      deviceLoads: new DeviceLoads()
    }
  }

  protected override async _open(): Promise<void> {
    await this.#records.prune(id => this.#outputs.has(id))
    await this.#outputs.sweep(this.#records.list().map(({ id }) => id))
    if (!this.#options.unattended) return
    for (const record of this.#records.open()) this.#resume(record)
  }

  protected override async _close(): Promise<void> {
    const tasks = [...this.#tasks.values()]
    for (const task of tasks) task.stop(closed())
    await Promise.allSettled(tasks.map(({ promise }) => promise)) // their waiters get the error
  }

  /**
   * Runs a job and pays for it. If an equal request has an unfinished run, that run continues; one whose output was not
   * fetched is handed over. An abort keeps what was paid for; the run continues when the request is repeated. The output
   * stays until `fetched` is called.
   */
  async run(request: RunRequest, listener: RunListener, signal: AbortSignal): Promise<RunOutcome> {
    await this.ready()
    const { pack } = this.#options
    const module = await pack.module(request.module)
    return this.#run(request, { module, input: await pack.input(request.input) }, listener, signal)
  }

  /** Runs many jobs, at most `parallel` at a time, and yields each outcome. A failed job does not stop the others. */
  map(
    requests: readonly RunRequest[],
    options: { parallel?: number },
    listener: RunListener,
    signal: AbortSignal
  ): AsyncIterable<MapOutcome> {
    const modules = new Map<Buffer, Promise<LocalBlob>>()
    const { pack } = this.#options
    const packed = async ({ module, input }: RunRequest): Promise<PackedJob> => {
      if (!modules.has(module)) modules.set(module, pack.module(module))
      return { module: await modules.get(module)!, input: await pack.input(input) }
    }
    return mapped(requests, {
      parallel: async () => options.parallel ?? (await this.#parallel(requests)),
      run: async (request, signal) => this.#run(request, await packed(request), listener, signal),
      signal
    })
  }

  /** Providers, prices and the payments to be expected, from the book alone; contacts no provider and signs nothing. */
  async estimate(
    request: RunRequest
  ): Promise<{ providers: number; price: bigint; baseMsat: bigint; maxMsat: bigint; payments: bigint[][] }> {
    const record = newRecord(request, NOTHING_PACKED, 0)
    const selection = new ProviderSelection(this.#context, { record, replicas: [] })
    const [cheapest] = await selection.best()
    const providers = await selection.identities()
    const prices = { price: cheapest?.price ?? 0n, baseMsat: cheapest?.baseMsat ?? 0n }
    return {
      ...{ providers, ...prices, maxMsat: request.maxMsat },
      payments: cheapest ? paymentsOf(record, prices) : []
    }
  }

  /** Newest first. */
  list(): JobView[] {
    return this.#records.list().map(record => this.#view(record))
  }

  get(id: Buffer): JobView | null {
    const record = this.#records.get(id)
    return record && this.#view(record)
  }

  /** The outcome of a run that is done, from the home. Throws JOB_NOT_FOUND, or NOT_FOUND when it has no output. */
  async output(id: Buffer): Promise<RunOutcome> {
    const record = this.#demand(id)
    if (!record.end)
      throw new BushelError(
        'NOT_FOUND',
        `job ${shortKey(id)}... has no result: it is ${nameOf(record.state)}`,
        `see it with: bushel job show ${shortKey(id)}`
      )
    return this.#handOver(record)
  }

  /** Call when all of a run's output that was asked for has been written elsewhere. */
  async fetched(id: Buffer): Promise<void> {
    const record = this.#demand(id)
    if (!record.fetched) await this.#records.save({ ...record, fetched: this.#options.now() })
    await this.#outputs.prune(this.#records.fetched())
  }

  #demand(id: Buffer): RunRecord {
    const record = this.#records.get(id)
    if (record) return record
    throw new BushelError(
      'JOB_NOT_FOUND',
      `there is no job ${shortKey(id)}...`,
      'list the jobs with: bushel jobs'
    )
  }

  /** Cancels a run: nothing more is paid for it. A run that is over does not change. */
  async cancel(id: Buffer): Promise<void> {
    await this.ready()
    const record = this.#demand(id)
    if (!isOpen(record)) return
    const key = record.fingerprint.toString('hex')
    const before = this.#tasks.get(key)
    before?.stop(cancelled())
    await before?.promise.catch(() => undefined) // its waiters get the error
    const left = this.#records.get(id)
    if (!left || !isOpen(left)) return
    // The task was stopped for another reason, or there was none: a new one carries out the cancellation.
    const task = this.#tasks.get(key) ?? this.#start(left)
    task.stop(cancelled())
    await task.promise.catch((error: unknown) => {
      if (!(error instanceof BushelError) || error.code !== CANCELLED) throw error
    })
  }

  async #run(
    request: RunRequest,
    packed: PackedJob,
    listener: RunListener,
    signal: AbortSignal
  ): Promise<RunOutcome> {
    signal.throwIfAborted()
    const print = fingerprintOf(request, packed)
    const waiting = this.#records.waiting(print, id => this.#outputs.has(id))
    if (waiting) return this.#handOver(waiting)
    const key = print.toString('hex')
    const old = this.#records.unfinished(print)
    if (old) listener.note('an unfinished run of this job continues where it stopped')
    const task = this.#tasks.get(key) ?? this.#start(old ?? newRecord(request, packed, this.#options.now()))
    const outcome = await task.join(listener, signal)
    signal.throwIfAborted()
    return outcome
  }

  async #handOver(record: RunRecord): Promise<RunOutcome> {
    return outcomeOf(record, record.end!, await this.#outputs.read(record.id))
  }

  /** Continues a run in the background. */
  #resume(record: RunRecord): void {
    const task = this.#start(record)
    task.detach(this.#options.listener).catch((error: unknown) => {
      if (!(error instanceof BushelError)) this.#options.log.fault(error)
      else this.#options.listener.note(`job ${shortKey(record.id)}: ${error.message}`)
    })
  }

  #start(record: RunRecord): SharedTask<RunOutcome> {
    const key = record.fingerprint.toString('hex')
    const task = new SharedTask(async (listener, signal): Promise<RunOutcome> => {
      const run = new Run(this.#context, record, listener)
      this.#views.set(key, run)
      try {
        return await this.#toEnd(run, signal)
      } finally {
        run.leave()
        this.#tasks.delete(key)
        this.#views.delete(key)
      }
    })
    this.#tasks.set(key, task)
    return task
  }

  async #toEnd(run: Run, signal: AbortSignal): Promise<RunOutcome> {
    try {
      await run.save()
      signal.throwIfAborted()
      const accepted = await run.toEnd(signal)
      await this.#outputs.keep(run.record.id, accepted?.output ?? null)
      const end = endOf(accepted, Math.max(this.#options.now() - run.record.created, 0))
      await run.save({ state: RUN.done, end })
      return outcomeOf(run.record, end, accepted?.output ?? null)
    } catch (error) {
      await this.#stopped(run, error, signal)
      throw error
    }
  }

  /** Handles a run that ended without an outcome: the error decides whether it continues later. */
  async #stopped(run: Run, error: unknown, signal: AbortSignal): Promise<void> {
    const { code } = error instanceof BushelError ? error : { code: '' }
    if (code === CLOSED || code === 'STORE_FAILED') return
    const nothingPaid = run.replicas.every(({ paidMsat }) => paidMsat === 0n)
    if (code === CANCELLED) {
      await run.abandon('its buyer cancelled it')
      return run.save({ state: RUN.cancelled })
    }
    if (nothingPaid) {
      await run.abandon('nothing was paid yet')
      return this.#records.forget(run.record.id)
    }
    if (signal.aborted || code !== 'NO_OFFER') return run.save()
    await run.abandon('there were not enough providers')
    await run.save({ state: RUN.failed, reason: (error as BushelError).message })
  }

  #view(record: RunRecord): JobView {
    const run = this.#views.get(record.fingerprint.toString('hex'))
    if (!run || !run.record.id.equals(record.id)) return viewOf(record, this.#outputs)
    return viewOf({ ...run.record, replicas: run.replicas.map(({ record }) => record) }, this.#outputs)
  }

  async #parallel(requests: readonly RunRequest[]): Promise<number> {
    const [first] = requests
    const providers = first ? (await this.estimate(first)).providers : 0
    return Math.min(Math.max(providers, 1), MAX_PARALLEL)
  }
}

/** The payments to each provider when all of the budget is spent: a provider that is new to us is paid in the most parts. */
function paymentsOf(record: RunRecord, prices: { price: bigint; baseMsat: bigint }): bigint[][] {
  const replicas = plannedReplicas(record)
  const share = record.maxMsat / BigInt(replicas)
  const parts = {
    firstInstallmentMsat: INSTALLMENT_START,
    maxInstallmentMsat: INSTALLMENT_CAP,
    maxMsat: share
  }
  return Array.from({ length: replicas }, () => jobSegments({ ...prices, ...parts, leastMsat: null }))
}

const CLOSED = 'CLOSED'
const CANCELLED = 'CANCELLED'
const NO_BLOB = { ref: { key: Buffer.alloc(32), length: 0, byteLength: 0, sha256: Buffer.alloc(32) } }
const NOTHING_PACKED: PackedJob = { module: NO_BLOB, input: NO_BLOB }

function closed(): BushelError {
  return new BushelError(
    CLOSED,
    'the node stopped before the job ended; what was paid for is kept',
    'repeat the command to continue'
  )
}

function cancelled(): BushelError {
  return new BushelError(CANCELLED, 'the job was cancelled; nothing more is paid for it')
}
