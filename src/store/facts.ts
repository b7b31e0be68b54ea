import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import ReadyResource from 'ready-resource'
import { decode, encode } from '../../contracts/schema/codec.js'
import type { BushelError } from '../../contracts/errors/error.js'
import { syncFolder } from '../base/atomic-file.js'
import { Journal } from './journal.js'

/** A change of one key. Changes set together are on disk together or not at all. A null or empty value removes the key. */
export interface Change {
  kind: string
  key: Buffer
  value: Buffer | null
  /** Called once it is on disk. */
  ondisk?: () => void
}

const MAX_FACT = 16 << 20
const COMPACT_ABOVE = 4 << 20

/**
 * A durable key-value store: values by kind and key, each on disk when `set` resolves. The file is a journal of changes;
 * memory has the last value of each key. Opening rewrites the file when most of it is superseded.
 */
export class Facts extends ReadyResource {
  readonly file: string
  #journal: Journal
  #kinds = new Map<string, Map<string, Buffer>>()

  constructor(file: string) {
    super()
    this.file = file
    this.#journal = new Journal(file, entry => this.#apply(entry))
  }

  /** Reads the facts of a node that may be running. */
  static async read(file: string): Promise<Facts> {
    const facts = new Facts(file)
    await Journal.read(file, entry => facts.#apply(entry))
    return facts
  }

  protected override async _open(): Promise<void> {
    await rm(this.file + '.new', { force: true })
    await this.#journal.ready()
    if (this.#journal.stats.bytes > COMPACT_ABOVE && this.#journal.stats.bytes > 2 * this.#liveBytes()) {
      await this.#compact()
    }
  }

  protected override async _close(): Promise<void> {
    await this.#journal.close()
  }

  /** Set after the disk refused a change: memory may then hold values that are not on disk. */
  get failed(): BushelError | null {
    return this.#journal.failed
  }

  get(kind: string, key: Buffer): Buffer | null {
    return this.#kinds.get(kind)?.get(key.toString('hex')) ?? null
  }

  *list(kind: string): Generator<{ key: Buffer; value: Buffer }> {
    for (const [key, value] of this.#kinds.get(kind) ?? []) yield { key: Buffer.from(key, 'hex'), value }
  }

  count(kind: string): number {
    return this.#kinds.get(kind)?.size ?? 0
  }

  /** Sets values; all are on disk when it resolves, and readers see them at once. */
  async set(...changes: Change[]): Promise<void> {
    const list = changes.map(({ kind, key, value }) =>
      encode('fact', { kind, key, value: value ?? Buffer.alloc(0) })
    )
    const entry = encode('change-set', { changes: list })
    this.#apply(entry)
    await this.#journal.append(entry)
    for (const { ondisk } of changes) ondisk?.()
  }

  #apply(entry: Buffer): void {
    for (const bytes of decode('change-set', entry, MAX_FACT).changes) {
      const { kind, key, value } = decode('fact', bytes, MAX_FACT)
      let map = this.#kinds.get(kind)
      if (!map) this.#kinds.set(kind, (map = new Map()))
      const id = key!.toString('hex')
      if (value && value.byteLength > 0) map.set(id, value)
      else map.delete(id)
    }
  }

  #liveBytes(): number {
    let bytes = 0
    for (const map of this.#kinds.values()) for (const value of map.values()) bytes += value.byteLength + 80
    return bytes
  }

  async #compact(): Promise<void> {
    const fresh = new Journal(this.file + '.new')
    await fresh.ready()
    for (const [kind, map] of this.#kinds) {
      const list = [...map].map(([key, value]) =>
        encode('fact', { kind, key: Buffer.from(key, 'hex'), value })
      )
      while (list.length > 0) await fresh.append(encode('change-set', { changes: list.splice(0, 256) }))
    }
    await fresh.close()
    await this.#journal.close()
    await rename(this.file + '.new', this.file)
    await syncFolder(dirname(this.file))
    this.#journal = new Journal(this.file)
    await this.#journal.ready()
  }
}
