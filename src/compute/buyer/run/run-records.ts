import crypto from 'hypercore-crypto'
import type { RunReplica, RunRecord } from '#spec'
import { domain } from '../../../../contracts/schema/codec.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import { nullLogger } from '../../../base/logger.js'
import type { Logger } from '../../../base/logger.js'
import { change } from '../../../store/change.js'
import type { Change } from '../../../store/change.js'
import type { Store } from '../../../store/store.js'
import type { PackedJob } from '../hire-port.js'
import type { KeptOutputs } from '../kept-outputs.js'
import { runTable } from '../../tables.js'
import { RUN, isOpen, runStates } from './run-state.js'
import type { JobView, ProviderView, RunRequest } from './run-types.js'

/** Finished runs that are kept; older ones are deleted. */
const MAX_OVER = 1000
/** Value of `verify` in the record of an `auto` run. */
export const AUTO = 0

/** The runs of this node. Each is on disk before a provider is contacted. */
export class RunRecords {
  readonly #store: Store
  readonly #log: Logger

  constructor(store: Store, log: Logger = nullLogger) {
    this.#store = store
    this.#log = log
  }

  get(id: Buffer): RunRecord | null {
    return this.#store.table(runTable).get(id)
  }

  /** Newest first. */
  list(): RunRecord[] {
    return [...this.#store.table(runTable).by('created', { reverse: true })].map(({ value }) => value)
  }

  *open(): Iterable<RunRecord> {
    for (const { value } of this.#store.table(runTable).by('open', { reverse: true })) yield value
  }

  #of(fingerprint: Buffer): RunRecord[] {
    const rows = this.#store.table(runTable).by('fingerprint', { under: fingerprint })
    return [...rows].map(({ value }) => value).sort((a, b) => b.created - a.created)
  }

  /** The unfinished run with this fingerprint, if any. */
  unfinished(fingerprint: Buffer): RunRecord | null {
    return this.#of(fingerprint).find(isOpen) ?? null
  }

  /** The finished run with this fingerprint whose output was not fetched, if any. */
  waiting(fingerprint: Buffer, isKept: (id: Buffer) => boolean): RunRecord | null {
    return this.#of(fingerprint).find(record => isWaiting(record, isKept)) ?? null
  }

  /** The runs whose output was fetched, newest first. */
  *fetched(): Iterable<Buffer> {
    for (const { value } of this.#store.table(runTable).by('over', { reverse: true }))
      if (value.fetched) yield value.id
  }

  async save(record: RunRecord): Promise<void> {
    await this.#store.set(this.#change(record.id, record))
  }

  /** Deletes the record of a run for which nothing was paid. */
  async forget(id: Buffer): Promise<void> {
    await this.#store.set(this.#change(id, null))
  }

  /** Deletes old runs that are over, but none whose output was not fetched. */
  async prune(isKept: (id: Buffer) => boolean): Promise<void> {
    const over = [...this.#store.table(runTable).by('over', { reverse: true })].slice(MAX_OVER)
    const changes = over
      .filter(({ value }) => !isWaiting(value, isKept))
      .map(({ key }) => this.#change(key, null))
    if (changes.length > 0) await this.#store.set(...changes)
  }

  /** Every run is written by this change, so that none skips the table of its states. */
  #change(id: Buffer, record: RunRecord | null): Change {
    runStates.transition('buyer', this.get(id)?.state ?? null, record && record.state, this.#log)
    return change(runTable, id, record)
  }
}

function isWaiting({ state, id, fetched }: RunRecord, isKept: (id: Buffer) => boolean): boolean {
  return state === RUN.done && !fetched && isKept(id)
}

export function newRecord(request: RunRequest, packed: PackedJob, now: number): RunRecord {
  const { name, market, args, seed, limits, isolation, verify, maxMsat, offer, maxPrice } = request
  return {
    id: crypto.randomBytes(32),
    fingerprint: fingerprintOf(request, packed),
    name,
    market,
    module: packed.module.ref,
    input: packed.input.ref,
    args,
    seed,
    limits,
    isolation,
    verify: verify === 'auto' ? AUTO : verify,
    wanted: verify === 'auto' ? 1 : verify,
    fuel: 0n,
    maxMsat,
    offer: offer ?? 0n,
    maxPrice: maxPrice ?? 0n,
    created: now,
    state: RUN.open,
    passed: [],
    replicas: [],
    evidence: []
  }
}

/** Hash of module, input and options: equal requests have equal fingerprints. */
export function fingerprintOf(
  {
    market,
    args,
    verify,
    seed,
    isolation,
    maxMsat,
    offer,
    maxPrice,
    limits
  }: Omit<RunRequest, 'name' | 'module' | 'input'>,
  { module, input }: PackedJob
): Buffer {
  const prices = [maxMsat, offer, maxPrice].map(msat => msat?.toString() ?? null)
  const what = [args, verify, isolation, ...prices, limits]
  const how = Buffer.from(JSON.stringify(what))
  return crypto.hash([domain('run'), market, module.ref.sha256, input.ref.sha256, seed, how])
}

export function viewOf(record: RunRecord, outputs: Pick<KeptOutputs, 'has'>): JobView {
  const { id, name, created, state, replicas, end } = record
  return {
    id,
    name,
    created,
    state,
    status: end?.status ?? null,
    exitCode: end?.exitCode ?? null,
    fuel: end?.fuel ?? replicas.reduce((most, { fuel }) => (fuel > most ? fuel : most), 0n),
    hash: end?.hash ?? '',
    isKept: outputs.has(id),
    paidMsat: replicas.reduce((sum, { paidMsat }) => sum + paidMsat, 0n),
    providers: providersOf(replicas)
  }
}

export function providersOf(replicas: readonly RunReplica[]): ProviderView[] {
  return replicas.map(({ device, identity, agreement, fuel, hash, paidMsat, state, note }) => ({
    device: formatKey(device),
    identity: formatKey(identity),
    agreement: formatKey(agreement),
    fuel,
    hash,
    paidMsat,
    verdict: VERDICTS.find(verdict => verdict === state) ?? 'open',
    note
  }))
}

const VERDICTS = ['equal', 'other', 'failed'] as const
