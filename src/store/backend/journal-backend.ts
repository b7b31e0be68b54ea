import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Facts } from '../facts.js'
import type { Change, Range, Row } from './backend.js'
import { BufferedBackend } from './buffered-backend.js'
import { SortedMap } from './sorted-map.js'

const KIND = 'row'

/** The store in a journal, with everything in memory. Nodes use LMDB; tests compare the two. */
export class JournalBackend extends BufferedBackend {
  readonly folder: string
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

  protected override async _closeFiles(): Promise<void> {
    await this.#facts.close()
  }

  protected override _read(key: Buffer): Buffer | null {
    return this.#rows.get(key) ?? null
  }

  protected override *_rows({
    gte,
    lt,
    reverse = false,
    limit = Infinity
  }: Range): Generator<Row, void, void> {
    const rows = this.#rows.between(gte, lt)
    if (reverse) rows.reverse()
    yield* rows.slice(0, limit)
  }

  protected override async _write(changes: Change[]): Promise<void> {
    await this.#facts.set(...changes.map(change => ({ kind: KIND, ...change })))
    for (const { key, value } of changes) {
      if (value) this.#rows.set(key, value)
      else this.#rows.delete(key)
    }
  }

  protected override async _copy(folder: string): Promise<void> {
    await cp(this.folder, folder, { recursive: true })
  }
}
