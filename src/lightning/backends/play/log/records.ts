import type { CommitLog } from './log.js'

/** An invoice that was issued. */
export interface InvoiceRecord {
  preimage: Buffer
  msat: bigint
  description: string
  bolt11: string
  status: 'open' | 'refused' | 'settled'
  receivedMsat: bigint
  /** ms since 1970. */
  settledAt: number
  /** Settlements are numbered as they happen, from 1; 0 while it is not settled. */
  order: number
}

export interface PaymentRecord {
  /** Counts up each time it is sent again after a failure. */
  attempt: number
  status: 'pending' | 'succeeded' | 'failed'
  preimage: Buffer | null
  feeMsat: bigint
  reason: string
  /** Absent in records of the first version, as is what follows. */
  msat?: bigint
  payee?: Buffer
  /** When the last attempt was begun, ms since 1970. */
  at?: number
}

/** A channel that was given up because this home was restored from an older copy; by the id of the occasion. */
export interface AbandonRecord {
  peer: Buffer
  deltaMsat: bigint
}

/** A channel that is open or being opened, by either side. */
export interface ChannelRecord {
  peer: Buffer
  valueMsat: bigint
  /** Taken from the grant when we opened it; 0 for a channel that the other side opened. */
  debitMsat: bigint
  /** Both sides have signed its first state. Before that, nothing of it can be lost. */
  funded: boolean
}

export const GRANT_KEY = 'grant'

export function encodeGrant(msat: bigint): Buffer {
  return Buffer.from(String(msat))
}

/** Bytes and amounts as text, each kind marked, so that reading gives back what was written. */
function encode(record: object): Buffer {
  const mark = (_key: string, value: unknown): unknown => {
    if (typeof value === 'bigint') return { n: String(value) }
    const { type, data } = (value ?? {}) as { type?: unknown; data?: unknown }
    return type === 'Buffer' && Array.isArray(data) ? { b: Buffer.from(data).toString('base64') } : value
  }
  return Buffer.from(JSON.stringify(record, mark))
}

function decode<T>(bytes: Buffer): T {
  return JSON.parse(bytes.toString(), (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value
    const { n, b } = value as { n?: unknown; b?: unknown }
    if (typeof n === 'string') return BigInt(n)
    return typeof b === 'string' ? Buffer.from(b, 'base64') : value
  }) as T
}

/** Records of one kind: all of them in memory, changes staged for the next commit. */
export class RecordTable<T extends object> {
  readonly #prefix: string
  readonly #rows = new Map<string, T>()
  readonly #stage: (key: string, value: Buffer | null) => void

  constructor(log: CommitLog, prefix: string, stage: (key: string, value: Buffer | null) => void) {
    this.#prefix = prefix
    this.#stage = stage
    for (const key of log.keys(prefix)) {
      this.#rows.set(key.slice(prefix.length), decode<T>(log.get(key) as Buffer))
    }
  }

  get(id: string): T | undefined {
    return this.#rows.get(id)
  }

  entries(): IterableIterator<[string, T]> {
    return this.#rows.entries()
  }

  set(id: string, record: T): void {
    this.#rows.set(id, record)
    this.#stage(this.#prefix + id, encode(record))
  }

  delete(id: string): void {
    this.#rows.delete(id)
    this.#stage(this.#prefix + id, null)
  }
}
