import type { CommitLog } from './log.js'
import {
  GRANT_KEY,
  RecordTable,
  encodeGrant,
  type AbandonRecord,
  type ChannelRecord,
  type InvoiceRecord,
  type PaymentRecord
} from './records.js'

const MANAGER = 'manager'
const MONITOR = 'monitor/'
const UPDATE = 'update/'

/** After this many updates a monitor is written whole again. */
const UPDATES_KEPT = 100

/** A channel's monitor as it is on disk: whole at some time, and what has changed since. */
export interface StoredMonitor {
  whole: Buffer
  updates: Buffer[]
}

/**
 * All that a wallet must not forget. Changes gather in memory; `commit` puts them on disk together, so that LDK's
 * manager, its monitors and our own records never disagree after a crash.
 */
export class Store {
  readonly #log: CommitLog
  readonly #staged = new Map<string, Uint8Array | null>()
  /** Keys of the updates that are on disk, by monitor. */
  readonly #updates = new Map<string, string[]>()
  readonly invoices: RecordTable<InvoiceRecord>
  readonly payments: RecordTable<PaymentRecord>
  readonly channels: RecordTable<ChannelRecord>
  readonly abandoned: RecordTable<AbandonRecord>
  #grantMsat: bigint

  constructor(log: CommitLog) {
    this.#log = log
    const stage = (key: string, value: Buffer | null): void => {
      this.#staged.set(key, value)
    }
    this.invoices = new RecordTable(log, 'invoice/', stage)
    this.payments = new RecordTable(log, 'payment/', stage)
    this.channels = new RecordTable(log, 'channel/', stage)
    this.abandoned = new RecordTable(log, 'abandoned/', stage)
    this.#grantMsat = BigInt((log.get(GRANT_KEY) ?? '0').toString())
    for (const key of log.keys(UPDATE)) this.#updatesOf(monitorOf(key)).push(key)
    for (const keys of this.#updates.values()) keys.sort()
  }

  /** What is left to open channels with. */
  get grantMsat(): bigint {
    return this.#grantMsat
  }

  set grantMsat(msat: bigint) {
    this.#grantMsat = msat
    this.#staged.set(GRANT_KEY, encodeGrant(msat))
  }

  get dirty(): boolean {
    return this.#staged.size > 0
  }

  manager(): Buffer | null {
    return this.#log.get(MANAGER)
  }

  monitors(): StoredMonitor[] {
    return [...this.#log.keys(MONITOR)].map(key => ({
      whole: this.#log.get(key) as Buffer,
      updates: this.#updatesOf(key.slice(MONITOR.length)).map(update => this.#log.get(update) as Buffer)
    }))
  }

  stageManager(bytes: Uint8Array): void {
    this.#staged.set(MANAGER, bytes)
  }

  /** True when it is time to write the whole monitor instead of one more update. */
  wantsWhole(id: string): boolean {
    return this.#updatesOf(id).length >= UPDATES_KEPT
  }

  stageMonitor(id: string, whole: Uint8Array): void {
    for (const key of this.#updatesOf(id)) this.#staged.set(key, null)
    this.#updates.delete(id)
    this.#staged.set(MONITOR + id, whole)
  }

  stageUpdate(id: string, updateId: bigint, bytes: Uint8Array): void {
    const key = `${UPDATE}${id}/${updateId.toString(16).padStart(16, '0')}`
    this.#updatesOf(id).push(key)
    this.#staged.set(key, bytes)
  }

  dropMonitor(id: string): void {
    for (const key of this.#updatesOf(id)) this.#staged.set(key, null)
    this.#updates.delete(id)
    this.#staged.set(MONITOR + id, null)
  }

  /** Everything staged is on disk when this returns. */
  commit(): void {
    this.#log.commit(this.#staged)
    this.#staged.clear()
  }

  close(): void {
    this.#log.close()
  }

  #updatesOf(id: string): string[] {
    let keys = this.#updates.get(id)
    if (!keys) this.#updates.set(id, (keys = []))
    return keys
  }
}

function monitorOf(key: string): string {
  return key.slice(UPDATE.length, key.lastIndexOf('/'))
}
