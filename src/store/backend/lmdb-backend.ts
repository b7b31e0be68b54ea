import { existsSync } from 'node:fs'
import { chmod, mkdir, rename, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { open } from 'lmdb'
import type { RootDatabase } from 'lmdb'
import { BushelError, isDiskFull } from '../../../contracts/errors/error.js'
import { syncFolder, writeDurably } from '../../base/disk/atomic-file.js'
import type { Change, Range, Row } from './backend.js'
import { BufferedBackend } from './buffered-backend.js'
import { badStore, diskFull, reasonOf, storeFailed } from './errors.js'
import { demandWholeFile } from './lmdb-file.js'

/** With less, the process could be killed by the system when LMDB touches its lock file. */
const MIN_FREE = 1 << 20
/** More than the files of a new store need. */
const NEW_BYTES = 128 << 10
const MAX_READERS = 512
/** Rows are read in portions, the first of which is small because many callers want few. */
const FIRST_PORTION = 16
const PORTION = 256

/**
 * The store in an LMDB environment. LMDB writes changed pages beside the old ones, flushes them, then writes and flushes the
 * page that names the new root: after a kill or a loss of power a transaction is there or not. One process writes, others
 * may read meanwhile.
 *
 * A write runs on a thread of lmdb-js and shows nothing before its end, so `BufferedBackend` holds the changes until then.
 * The option `overlappingSync` is off: with it a transaction that was committed and not flushed is told from a flushed one
 * by the boot id of the machine, and a flush that fails is reported to nobody.
 */
export class LmdbBackend extends BufferedBackend {
  readonly folder: string
  readonly readOnly: boolean
  #db: RootDatabase<Buffer, Buffer> | null = null

  constructor(folder: string, { readOnly = false } = {}) {
    super()
    this.folder = folder
    this.readOnly = readOnly
  }

  static exists(folder: string): boolean {
    return existsSync(folder)
  }

  protected override async _open(): Promise<void> {
    try {
      if (!this.readOnly) await prepare(this.folder)
      await demandWholeFile(this.folder, this)
      this.#db = openEnvironment(this.folder, this)
    } catch (error) {
      if (error instanceof BushelError) throw error
      const { code } = error as NodeJS.ErrnoException
      // Something else lies in its place, or the disk cannot read it.
      if (code === 'EISDIR' || code === 'ENOTDIR' || code === 'EIO')
        throw badStore(this.folder, reasonOf(error), error)
      throw isDiskFull(error) ? diskFull(this.folder, error) : storeFailed(this.folder, error)
    }
  }

  protected override async _closeFiles(): Promise<void> {
    await this.#db!.close()
  }

  protected override _read(key: Buffer): Buffer | null {
    return this.#reading(() => this.#db!.get(key) ?? null)
  }

  /**
   * A cursor lives within one portion, so that none is open when the environment is closed, which would crash the process;
   * the transaction, which fixes the moment that is seen, lives as long as the iteration.
   */
  protected override *_rows({ gte, lt, reverse, limit = Infinity }: Range): Generator<Row, void, void> {
    const transaction = this.#reading(() => this.#db!.useReadTransaction())
    try {
      let from = reverse ? lt : gte
      let exclusiveStart = reverse
      for (let left = limit, size = FIRST_PORTION; left > 0; size = PORTION) {
        const options = reverse
          ? { start: from, end: gte, exclusiveStart, inclusiveEnd: true, reverse: true }
          : { start: from, end: lt, exclusiveStart }
        const rows = this.#reading(() => [
          ...this.#db!.getRange({ ...options, limit: Math.min(size, left), transaction })
        ])
        yield* rows
        left -= rows.length
        if (rows.length < size) return
        from = rows.at(-1)!.key
        exclusiveStart = true
      }
    } finally {
      if (!this.closing) transaction.done()
    }
  }

  protected override async _write(changes: Change[]): Promise<void> {
    const db = this.#db!
    try {
      await db.batch(() => {
        for (const { key, value } of changes) void (value ? db.put(key, value) : db.remove(key))
      })
    } catch (error) {
      throw await causeOf(error)
    }
  }

  protected override async _copy(folder: string): Promise<void> {
    await mkdir(folder, { mode: 0o700 })
    await this.#db!.backup(folder, false)
    await chmod(join(folder, 'data.mdb'), 0o600)
    await syncFolder(folder)
  }

  #reading<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (this.failed) throw this.failed
      throw badStore(this.folder, reasonOf(error), error)
    }
  }
}

function openEnvironment(folder: string, { readOnly }: { readOnly: boolean }): RootDatabase<Buffer, Buffer> {
  const options = {
    path: folder,
    readOnly,
    encoding: 'binary' as const,
    keyEncoding: 'binary' as const,
    noSubdir: false,
    permissionsMode: 0o600,
    maxReaders: MAX_READERS,
    maxDbs: 1,
    overlappingSync: false,
    // With it a failed write rejects a promise that nobody can hold.
    eventTurnBatching: false
  }
  return open(options)
}

/** Creates a new store beside its place, so that a folder in its place is never one that a kill left unfinished. */
async function prepare(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(folder))
  if (bavail * bsize < MIN_FREE) throw diskFull(folder)
  if (LmdbBackend.exists(folder)) return
  const fresh = `${folder}.new`
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { mode: 0o700 })
  // When the system refuses one of the first pages, lmdb-js crashes, so their room is tried before.
  const room = join(fresh, 'room')
  await writeDurably(room, Buffer.alloc(NEW_BYTES))
  await rm(room)
  await openEnvironment(fresh, { readOnly: false }).close()
  await syncFolder(fresh)
  await rename(fresh, folder)
  await syncFolder(dirname(folder))
}

/** lmdb-js rejects a write with an error that holds a promise of the reason. */
async function causeOf(error: unknown): Promise<unknown> {
  const reason = (error as { commitError?: Promise<never> }).commitError
  if (!reason) return error
  const later = new Promise(resolve => setImmediate(resolve, error))
  return Promise.race([reason, later]).catch((cause: unknown) => cause)
}
