import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import ReadyResource from 'ready-resource'
import { BushelError } from '../../../contracts/errors/error.js'
import { Facts } from '../facts.js'
import type { Backend, Change, Range, Row } from './backend.js'
import { SortedMap } from './sorted-map.js'

const KIND = 'row'

/** The store in a journal, with everything in memory. Nodes use LMDB; tests compare the two. */
export class JournalBackend extends ReadyResource implements Backend {
  readonly folder: string
  readonly stats = { commits: 0, flushes: 0 }
  #facts: Facts
  #rows = new SortedMap<Buffer>()

  constructor(folder: string) {
    super()
    this.folder = folder
    this.#facts = new Facts(join(folder, 'journal'))
  }

  protected override async _open(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    await this.#facts.ready()
    for (const { key, value } of this.#facts.list(KIND)) this.#rows.set(key, value)
  }

  protected override async _close(): Promise<void> {
    await this.#facts.close()
  }

  get failed(): BushelError | null {
    return this.#facts.failed
  }

  get(key: Buffer): Buffer | null {
    this.#demandOpen()
    return this.#rows.get(key) ?? null
  }

  *range({ gte, lt, reverse = false, limit = Infinity }: Range): Generator<Row, void, void> {
    this.#demandOpen()
    const rows = this.#rows.between(gte, lt)
    if (reverse) rows.reverse()
    for (const [i, row] of rows.entries()) {
      if (i >= limit) return
      yield row
      this.#demandOpen()
    }
  }

  async commit(changes: Change[]): Promise<void> {
    if (this.failed) throw this.failed
    this.#demandOpen()
    this.stats.commits++
    for (const { key, value } of changes) {
      if (value) this.#rows.set(key, value)
      else this.#rows.delete(key)
    }
    await this.#facts.set(...changes.map(change => ({ kind: KIND, ...change })))
    this.stats.flushes++
  }

  async copy(folder: string): Promise<void> {
    await cp(this.folder, folder, { recursive: true })
  }

  #demandOpen(): void {
    if (!this.opened || this.closing) throw new BushelError('CLOSED', `${this.folder} is not open`)
  }
}
