import type { BushelError } from '../../../contracts/errors/error.js'

/** Bytes of the longest key; LMDB refuses longer ones. */
export const MAX_KEY = 1978

/** A change of one key; null removes it. A value has one byte or more. */
export interface Change {
  key: Buffer
  value: Buffer | null
}

export interface Row {
  key: Buffer
  value: Buffer
}

/** Keys from `gte` up to, and without, `lt`, in the order of their bytes. */
export interface Range {
  gte: Buffer
  lt: Buffer
  reverse?: boolean
  limit?: number
}

/** What can be read in key order. */
export interface Readable {
  get(key: Buffer): Buffer | null
  range(range: Range): Generator<Row, void, void>
}

/** What the store stands on: keys in the order of their bytes, and atomic durable changes of several of them. */
export interface Backend {
  ready(): Promise<void>
  close(): Promise<void>

  /** The error of a failed write, after which every commit is refused. Readers may then see changes that are not on disk. */
  readonly failed: BushelError | null
  /** Called once, when `failed` is set. */
  on(event: 'failed', listener: (error: BushelError) => void): unknown

  /** Counted since opening. */
  readonly stats: { commits: number; flushes: number }

  /** What is on disk: a change appears in it only once it is flushed. Throws as `get` and `range`. */
  readonly disk: Readable

  /** Null when there is no such key. Throws BAD_STORE, STORE_FAILED or CLOSED. */
  get(key: Buffer): Buffer | null

  /**
   * The rows as they are when the iteration begins; changes during it, also across turns, are not seen. An iteration that
   * is left open keeps superseded pages on disk. Throws as `get`.
   */
  range(range: Range): Generator<Row, void, void>

  /**
   * Changes all of the keys or none. Readers of this process see the changes when the call returns; they are on disk when
   * the promise resolves, and so are all earlier ones: a commit of nothing waits for them. Commits of one turn share a
   * flush. Rejects with STORE_FAILED, as all later commits do, or CLOSED.
   */
  commit(changes: Change[]): Promise<void>

  /** Writes a copy of all that is on disk to `folder`, which is created. */
  copy(folder: string): Promise<void>
}
