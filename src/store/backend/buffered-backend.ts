import ReadyResource from 'ready-resource'
import { BushelError } from '../../../contracts/errors/error.js'
import type { Backend, Change, Range, Readable, Row } from './backend.js'
import { storeFailed } from './errors.js'
import { merged } from './overlay.js'
import { SortedMap } from './sorted-map.js'

interface Waiting {
  changes: Change[]
  resolve: () => void
  reject: (error: unknown) => void
}

/**
 * A backend whose writes take time: changes are held in memory, where readers see them, until they are on disk. One write
 * runs at a time; commits that come meanwhile share the next one. Emits `failed` (BushelError) when the disk refused one.
 */
export abstract class BufferedBackend extends ReadyResource implements Backend {
  readonly stats = { commits: 0, flushes: 0 }
  readonly disk: Readable = {
    get: key => {
      this.#demandOpen()
      return this._read(key)
    },
    range: range => this.#visible(this._rows(range))
  }
  #unwritten = new SortedMap<{ value: Buffer | null; write: number }>()
  #queue: Waiting[] = []
  /** The number of the write that will take the queue. */
  #nextWrite = 1
  #writing: Promise<void> = Promise.resolve()
  #busy = false
  #failed: BushelError | null = null

  /** Names the store in messages. */
  abstract readonly folder: string

  /** What is on disk, as `_rows`: nothing of a write before it has been flushed. */
  protected abstract _read(key: Buffer): Buffer | null
  /** As `range`; the caller takes the first row in the turn in which the iteration begins. */
  protected abstract _rows(range: Range): Generator<Row, void, void>
  /** Changes all or none of the keys, each of which is named once; on disk when it resolves. */
  protected abstract _write(changes: Change[]): Promise<void>
  protected abstract _copy(folder: string): Promise<void>
  protected abstract _closeFiles(): Promise<void>

  protected override async _close(): Promise<void> {
    await this.#writing
    await this._closeFiles()
  }

  get failed(): BushelError | null {
    return this.#failed
  }

  get(key: Buffer): Buffer | null {
    this.#demandOpen()
    const unwritten = this.#unwritten.get(key)
    return unwritten ? unwritten.value : this._read(key)
  }

  range(range: Range): Generator<Row, void, void> {
    return this.#visible(merged(range, this.#unwritten, range => this._rows(range)))
  }

  /** Ends with CLOSED when the store is closed meanwhile. */
  *#visible(rows: Generator<Row, void, void>): Generator<Row, void, void> {
    this.#demandOpen()
    for (const row of rows) {
      yield row
      this.#demandOpen()
    }
  }

  async commit(changes: Change[]): Promise<void> {
    if (this.#failed) throw this.#failed
    this.#demandOpen()
    if (changes.length === 0 && !this.#busy) return
    this.stats.commits++
    for (const { key, value } of changes) this.#unwritten.set(key, { value, write: this.#nextWrite })
    await new Promise<void>((resolve, reject) => {
      this.#queue.push({ changes, resolve, reject })
      if (!this.#busy) this.#writing = this.#writeQueue()
    })
  }

  async copy(folder: string): Promise<void> {
    this.#demandOpen()
    await this.#writing
    await this._copy(folder)
  }

  async #writeQueue(): Promise<void> {
    this.#busy = true
    await turn() // commits of one turn (several payments that settled) share a write
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0)
      const write = this.#nextWrite++
      const changes = lastOfEach(batch)
      try {
        if (this.#failed) throw this.#failed
        if (changes.length > 0) {
          await this._write(changes)
          this.stats.flushes++
        }
        for (const { key } of changes)
          if (this.#unwritten.get(key)!.write === write) this.#unwritten.delete(key)
        for (const { resolve } of batch) resolve()
      } catch (error) {
        if (!this.#failed) {
          this.#failed = storeFailed(this.folder, error)
          this.emit('failed', this.#failed)
        }
        for (const { reject } of batch) reject(this.#failed)
      }
    }
    // Cleared in the turn in which the queue was empty, so that the next commit starts a new run.
    this.#busy = false
  }

  #demandOpen(): void {
    if (!this.opened || this.closing) throw new BushelError('CLOSED', `${this.folder} is not open`)
  }
}

/** The changes of all commits, with the last one alone for each key. */
function lastOfEach(batch: Waiting[]): Change[] {
  const last = new Map<string, Change>()
  for (const { changes } of batch)
    for (const change of changes) last.set(change.key.toString('latin1'), change)
  return [...last.values()]
}

/** Resolves at the end of the turn, when everything that came in has been handled. */
function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
