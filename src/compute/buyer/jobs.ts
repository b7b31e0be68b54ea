import { join } from 'node:path'
import ReadyResource from 'ready-resource'
import type { RunRecord } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import type { Facts } from '../../store/facts.js'
import { Checks } from './checks.js'
import { Choosing } from './run/choosing.js'
import { EvidenceFiles } from '../job/evidence-files.js'
import { Followed } from './followed.js'
import type { LocalBlob, PackedJob } from './hire-port.js'
import { KeptOutputs } from './kept-outputs.js'
import { Loads } from './loads.js'
import { mapped } from './run/mapping.js'
import { endOf, outcomeOf } from './run/outcomes.js'
import { Run } from './run/run.js'
import type { RunContext } from './run/run.js'
import { RunRecords, fingerprintOf, newRecord, viewOf } from './run/run-records.js'
import type { JobView, MapOutcome, RunListener, RunOutcome, RunRequest } from './run/run-types.js'

export type {
  JobView,
  MapOutcome,
  ProviderView,
  RunListener,
  RunOutcome,
  RunRequest
} from './run/run-types.js'

/** Makes blobs of what a job needs; the same bytes give the same blob. */
export interface PackPort {
  module(bytes: Buffer): Promise<LocalBlob>
  input(input: RunRequest['input']): Promise<LocalBlob>
}

export interface JobsOptions extends Omit<RunContext, 'records' | 'checks' | 'evidence' | 'loads'> {
  facts: Facts
  pack: PackPort
  /** Where outputs that nobody waited for and evidence are kept. */
  folder: string
  /** Goes on by itself with what an earlier process left unfinished. */
  unattended: boolean
  /** Hears of runs that nobody waits for. */
  listener: RunListener
  onfault: (error: unknown) => void
  /** From 0 up to 1: whether a result is checked. */
  random?: () => number
}

const MAX_PARALLEL = 16

/** Buys runs of jobs. A run is on disk before a provider hears of it, and goes on after a kill where it stopped. */
export class Jobs extends ReadyResource {
  readonly #options: JobsOptions
  readonly #context: RunContext
  readonly #records: RunRecords
  readonly #outputs: KeptOutputs
  readonly #followed = new Map<string, Followed<RunOutcome>>()
  readonly #views = new Map<string, Run>()

  constructor(options: JobsOptions) {
    super()
    const { facts, folder, random } = options
    this.#options = options
    this.#records = new RunRecords(facts)
    this.#outputs = new KeptOutputs(join(folder, 'outputs'))
    this.#context = {
      ...options,
      records: this.#records,
      checks: new Checks(facts, random),
      evidence: new EvidenceFiles(join(folder, 'evidence')),
      loads: new Loads()
    }
  }

  protected override async _open(): Promise<void> {
    await this.#records.prune()
    await this.#outputs.sweep(this.#records.list().map(({ id }) => id))
    if (!this.#options.unattended) return
    for (const record of this.#records.open()) this.#goOn(record)
  }

  protected override async _close(): Promise<void> {
    const followed = [...this.#followed.values()]
    for (const one of followed) one.stop(closed())
    await Promise.allSettled(followed.map(({ promise }) => promise)) // whoever follows one hears of it
  }

  /**
   * Runs a job and pays for it. The same command as of a run that is not over goes on with that one. Aborted, it keeps
   * what was paid for, and goes on when the command is repeated.
   */
  async run(request: RunRequest, listener: RunListener, signal: AbortSignal): Promise<RunOutcome> {
    await this.ready()
    const { pack } = this.#options
    const module = await pack.module(request.module)
    return this.#run(request, { module, input: await pack.input(request.input) }, listener, signal)
  }

  /** Many jobs, at most `parallel` at a time; each outcome as it comes. One that fails does not stop the others. */
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

  /** What stands on the book for it; nothing is asked or signed. */
  async estimate(
    request: RunRequest
  ): Promise<{ providers: number; price: bigint; baseMsat: bigint; maxMsat: bigint }> {
    const choosing = new Choosing(this.#context, {
      record: newRecord(request, NOTHING_PACKED, 0),
      replicas: []
    })
    const [cheapest] = await choosing.first()
    const providers = await choosing.identities()
    return {
      providers,
      price: cheapest?.price ?? 0n,
      baseMsat: cheapest?.baseMsat ?? 0n,
      maxMsat: request.maxMsat
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

  /** Nothing more is paid for it. A run that is over stays as it is. */
  async cancel(id: Buffer): Promise<void> {
    await this.ready()
    const record = this.#records.get(id)
    if (!record) throw new BushelError('JOB_NOT_FOUND', `no job ${shortKey(id)}...`, 'see: bushel jobs')
    if (record.state !== 'open') return
    const key = record.fingerprint.toString('hex')
    const before = this.#followed.get(key)
    before?.stop(cancelled())
    await before?.promise.catch(() => undefined) // whoever follows it hears of it
    const left = this.#records.get(id)
    if (left?.state !== 'open') return
    // It was being stopped already, or nobody was at it. Whoever repeats its command now follows it to its end.
    const followed = this.#followed.get(key) ?? this.#start(left)
    followed.stop(cancelled())
    await followed.promise.catch((error: unknown) => {
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
    if (old) listener.note('an unfinished run of this job goes on where it stopped')
    const followed =
      this.#followed.get(key) ?? this.#start(old ?? newRecord(request, packed, this.#options.now()))
    const outcome = await followed.follow(listener, signal)
    signal.throwIfAborted()
    await this.#outputs.drop(outcome.id)
    return outcome
  }

  async #handOver(record: RunRecord): Promise<RunOutcome> {
    const output = await this.#outputs.read(record.id)
    await this.#outputs.drop(record.id)
    return outcomeOf(record, record.end!, output)
  }

  /** A run that nobody waits for: its output is kept. */
  #goOn(record: RunRecord): void {
    const followed = this.#start(record)
    followed.attend(this.#options.listener).catch((error: unknown) => {
      if (!(error instanceof BushelError)) this.#options.onfault(error)
      else this.#options.listener.note(`job ${shortKey(record.id)}: ${error.message}`)
    })
  }

  #start(record: RunRecord): Followed<RunOutcome> {
    const key = record.fingerprint.toString('hex')
    const followed: Followed<RunOutcome> = new Followed(async (listener, signal): Promise<RunOutcome> => {
      const run = new Run(this.#context, record, listener)
      this.#views.set(key, run)
      try {
        return await this.#toEnd(run, followed, signal)
      } finally {
        run.leave()
        this.#followed.delete(key)
        this.#views.delete(key)
      }
    })
    this.#followed.set(key, followed)
    return followed
  }

  async #toEnd(run: Run, followed: Followed<RunOutcome>, signal: AbortSignal): Promise<RunOutcome> {
    try {
      await run.save()
      signal.throwIfAborted()
      const accepted = await run.toEnd(signal)
      const keep = async (): Promise<void> => {
        if (accepted && followed.isUnattended) await this.#outputs.keep(run.record.id, accepted.output)
      }
      await keep()
      const end = endOf(accepted, Math.max(this.#options.now() - run.record.created, 0))
      await run.save({ state: 'done', end })
      // Whoever waited may have gone meanwhile.
      if (!this.#outputs.has(run.record.id)) await keep()
      return outcomeOf(run.record, end, accepted?.output ?? null)
    } catch (error) {
      await this.#stopped(run, error, signal)
      throw error
    }
  }

  /** A run without an outcome: what it was stopped for decides whether it goes on later. */
  async #stopped(run: Run, error: unknown, signal: AbortSignal): Promise<void> {
    const { code } = error instanceof BushelError ? error : { code: '' }
    if (code === CLOSED || (error instanceof BushelError && code === 'JOURNAL_FAILED')) return
    const nothingPaid = run.replicas.every(({ paidMsat }) => paidMsat === 0n)
    if (code === CANCELLED) {
      await run.abandon('its buyer cancelled it')
      return run.save({ state: 'cancelled' })
    }
    if (nothingPaid) {
      await run.abandon('nothing was paid yet')
      return this.#records.forget(run.record.id)
    }
    if (signal.aborted || code !== 'NO_OFFER') return run.save()
    await run.abandon('there were not enough providers')
    await run.save({ state: 'failed', reason: (error as BushelError).message })
  }

  #view(record: RunRecord): JobView {
    const run = this.#views.get(record.fingerprint.toString('hex'))
    if (!run || !run.record.id.equals(record.id)) return viewOf(record)
    return viewOf({ ...run.record, replicas: run.replicas.map(({ record }) => record) })
  }

  async #parallel(requests: readonly RunRequest[]): Promise<number> {
    const [first] = requests
    const providers = first ? (await this.estimate(first)).providers : 0
    return Math.min(Math.max(providers, 1), MAX_PARALLEL)
  }
}

const CLOSED = 'CLOSED'
const CANCELLED = 'CANCELLED'
const NO_BLOB = { ref: { key: Buffer.alloc(32), length: 0, byteLength: 0, sha256: Buffer.alloc(32) } }
const NOTHING_PACKED: PackedJob = { module: NO_BLOB, input: NO_BLOB }

function closed(): BushelError {
  return new BushelError(CLOSED, 'the node stopped before the job ended', 'repeat the command to go on')
}

function cancelled(): BushelError {
  return new BushelError(CANCELLED, 'the job was cancelled')
}
