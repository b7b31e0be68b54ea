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
  /** Number of the settlement, counted from 1; 0 while the invoice is not settled. */
  order: number
  /** Until when anybody may pay it, ms since 1970. Absent: it belongs to an agreement. */
  anyoneUntil?: number
}

export interface PaymentRecord {
  /** Number of the attempt, from 1; a failed payment may be sent again. */
  attempt: number
  status: 'pending' | 'succeeded' | 'failed'
  preimage: Buffer | null
  feeMsat: bigint
  reason: string
  /** Absent in records of the first version, like the fields below. */
  msat?: bigint
  payee?: Buffer
  /** Start of the last attempt, ms since 1970. */
  at?: number
}

/** A node whose channels were given up after a restore from an older copy; keyed by the id given to `abandon`. */
export interface AbandonRecord {
  peer: Buffer
  deltaMsat: bigint
}

/** A channel that is open or being opened by either side. */
export interface ChannelRecord {
  peer: Buffer
  valueMsat: bigint
  /** Amount taken from the grant when we opened it; 0 when the other side opened it. */
  debitMsat: bigint
  /** Both sides have signed the first state. Before that no funds can be lost. */
  funded: boolean
  /** Of a channel that the other side opened: by which device, and when (ms since 1970), until something is paid over it. */
  unused?: { device: Buffer | null; at: number }
}

export const GRANT_KEY = 'grant'

export function encodeGrant(msat: bigint): Buffer {
  return Buffer.from(String(msat))
}

/** JSON with marked Buffers and bigints, so that `decode` restores them. */
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

/** All records of one kind in memory; changes are staged for the next commit. */
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
