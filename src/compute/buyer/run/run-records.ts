import crypto from 'hypercore-crypto'
import type { RunReplica, RunRecord } from '#spec'
import { decode, domain, encode } from '../../../../contracts/schema/codec.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import { nullLogger } from '../../../base/logger.js'
import type { Logger } from '../../../base/logger.js'
import type { Change, Facts } from '../../../store/facts.js'
import type { PackedJob } from '../hire-port.js'
import { RUN, isOpen, runStates } from './run-state.js'
import type { JobView, ProviderView, RunRequest } from './run-types.js'

const KIND = 'run'
/** Finished runs that are kept; older ones are deleted. */
const MAX_OVER = 1000
/** Value of `verify` in the record of an `auto` run. */
export const AUTO = 0

/** The runs of this node. Each is on disk before a provider is contacted. */
export class RunRecords {
  readonly #facts: Facts
  readonly #log: Logger

  constructor(facts: Facts, log: Logger = nullLogger) {
    this.#facts = facts
    this.#log = log
  }

  get(id: Buffer): RunRecord | null {
    const value = this.#facts.get(KIND, id)
    return value && decode('run-record', value)
  }

  /** Newest first. */
  list(): RunRecord[] {
    const records = [...this.#facts.list(KIND)].map(({ value }) => decode('run-record', value))
    return records.sort((a, b) => b.created - a.created || Buffer.compare(a.id, b.id))
  }

  *open(): Generator<RunRecord> {
    for (const record of this.list()) if (isOpen(record)) yield record
  }

  /** The unfinished run with this fingerprint, if any. */
  unfinished(fingerprint: Buffer): RunRecord | null {
    for (const record of this.open()) if (record.fingerprint.equals(fingerprint)) return record
    return null
  }

  /** The finished run with this fingerprint whose output is kept for a caller, if any. */
  waiting(fingerprint: Buffer, isKept: (id: Buffer) => boolean): RunRecord | null {
    const found = this.list().find(
      ({ state, fingerprint: of, id }) => state === RUN.done && of.equals(fingerprint) && isKept(id)
    )
    return found ?? null
  }

  async save(record: RunRecord): Promise<void> {
    await this.#facts.set(this.#change(record.id, record))
  }

  /** Deletes the record of a run for which nothing was paid. */
  async forget(id: Buffer): Promise<void> {
    await this.#facts.set(this.#change(id, null))
  }

  async prune(): Promise<void> {
    const over = this.list().filter(record => !isOpen(record))
    const changes = over.slice(MAX_OVER).map(({ id }) => this.#change(id, null))
    if (changes.length > 0) await this.#facts.set(...changes)
  }

  /** Every run is written by this change, so that none skips the table of its states. */
  #change(id: Buffer, record: RunRecord | null): Change {
    runStates.transition('buyer', this.get(id)?.state ?? null, record && record.state, this.#log)
    return { kind: KIND, key: id, value: record && encode('run-record', record) }
  }
}

export function newRecord(request: RunRequest, packed: PackedJob, now: number): RunRecord {
  const { name, market, args, seed, limits, isolation, verify, maxMsat, maxPrice } = request
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
    maxPrice,
    limits
  }: Omit<RunRequest, 'name' | 'module' | 'input'>,
  { module, input }: PackedJob
): Buffer {
  const what = [args, verify, isolation, maxMsat.toString(), maxPrice?.toString() ?? null, limits]
  const how = Buffer.from(JSON.stringify(what))
  return crypto.hash([domain('run'), market, module.ref.sha256, input.ref.sha256, seed, how])
}

export function viewOf(record: RunRecord): JobView {
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
