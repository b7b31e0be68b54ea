import crypto from 'hypercore-crypto'
import type { RunReplica, RunRecord } from '#spec'
import { decode, domain, encode } from '../../../../contracts/schema/codec.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import type { Facts } from '../../../store/facts.js'
import type { PackedJob } from '../hire-port.js'
import type { JobView, ProviderView, RunRequest } from './run-types.js'

const KIND = 'run'
/** Runs that are over are forgotten, oldest first, beyond so many. */
const MAX_OVER = 1000
/** `verify` of a record that is checked as its providers' records ask for. */
export const AUTO = 0

/** A run goes on in `open`; in `done` its outcome is known, in `failed` it has none, in `cancelled` its owner ended it. */
export type RunState = 'open' | 'done' | 'failed' | 'cancelled'

/** The runs of this node, each on disk before a provider hears of it. */
export class RunRecords {
  readonly #facts: Facts

  constructor(facts: Facts) {
    this.#facts = facts
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
    for (const record of this.list()) if (record.state === 'open') yield record
  }

  /** The run of this command that is not over, if there is one. */
  unfinished(fingerprint: Buffer): RunRecord | null {
    for (const record of this.open()) if (record.fingerprint.equals(fingerprint)) return record
    return null
  }

  /** The finished run of this command whose outcome nobody has had, if there is one. */
  waiting(fingerprint: Buffer, isKept: (id: Buffer) => boolean): RunRecord | null {
    const found = this.list().find(
      ({ state, fingerprint: of, id }) => state === 'done' && of.equals(fingerprint) && isKept(id)
    )
    return found ?? null
  }

  async save(record: RunRecord): Promise<void> {
    await this.#facts.set({ kind: KIND, key: record.id, value: encode('run-record', record) })
  }

  /** A run that came to nothing, and to which nothing was paid, leaves nothing behind. */
  async forget(id: Buffer): Promise<void> {
    await this.#facts.set({ kind: KIND, key: id, value: null })
  }

  async prune(): Promise<void> {
    const over = this.list().filter(({ state }) => state !== 'open')
    const changes = over.slice(MAX_OVER).map(({ id }) => ({ kind: KIND, key: id, value: null }))
    if (changes.length > 0) await this.#facts.set(...changes)
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
    state: 'open',
    passed: [],
    replicas: [],
    evidence: []
  }
}

/** The same program on the same input, asked for in the same way. */
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
