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

/** After this many updates the whole monitor is written again. */
const UPDATES_KEPT = 100

/** A channel monitor on disk: a full copy and the updates since. */
export interface StoredMonitor {
  whole: Buffer
  updates: Buffer[]
}

/**
 * The durable state of a wallet. Changes are staged in memory and `commit` writes them as one batch, so that LDK's
 * manager, its monitors and our records are consistent after a crash.
 */
export class Store {
  readonly #log: CommitLog
  readonly #staged = new Map<string, Uint8Array | null>()
  /** Keys of the stored and staged updates, by monitor. */
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

  /** Rest of the grant, from which channels are opened, msat. */
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

  /** Something is paid over a channel, so it is no longer `unused`. */
  channelUsed(id: string): void {
    const record = this.channels.get(id)
    if (!record?.unused) return
    const { unused: _, ...used } = record
    this.channels.set(id, used)
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

  /** Whether the whole monitor should be written instead of one more update. */
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

  /** Writes everything staged; it is on disk when this returns. */
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
