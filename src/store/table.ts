import type { AnyTable, Index, Indexes, TableDefinition } from './definition.js'
import type { Range, Readable, Row } from './backend/backend.js'
import { after } from './key.js'
import type { KeyCodec, Prefix } from './key.js'
import { countKey, decodeValue, indexArea, indexRows, rowsArea, unseal } from './layout.js'

export interface Entry<K, V> {
  key: K
  value: V
}

/** A part of a table or index, by leading parts of its keys; `lte` includes all keys that begin with it. */
export interface KeyRange<T> {
  /** All keys that begin with it. */
  under?: Prefix<T>
  gte?: Prefix<T>
  lt?: Prefix<T>
  lte?: Prefix<T>
  reverse?: boolean
  limit?: number
}

type KeyOf<I> = I extends Index<never, never, infer P> ? P : never

/** Where rows are read, and the folder that messages name. */
export interface Source extends Readable {
  folder: string
}

/** Reads one table. Rows appear in the order of their keys. */
export class Table<K, V, I extends Indexes<K, V>> {
  readonly definition: TableDefinition<K, V, I>
  #source: Source
  #rows: Buffer

  constructor(definition: TableDefinition<K, V, I>, source: Source) {
    this.definition = definition
    this.#source = source
    this.#rows = rowsArea(definition.name)
  }

  get(key: K): V | null {
    return this.#read(this.definition.key.write(key))
  }

  has(key: K): boolean {
    return this.#source.get(this.#rowKey(this.definition.key.write(key))) !== null
  }

  /** The number of rows; it is kept, not counted. */
  get count(): number {
    return readCount(this.#source, this.definition.name)
  }

  /**
   * Rows as they are when the iteration begins. Changes during it are not seen, so a loop that awaits reads a row again
   * before it relies on it.
   */
  *list(range: KeyRange<K> = {}): Iterable<Entry<K, V>> {
    for (const { key, value } of this.#source.range(rangeOf(this.#rows, this.definition.key, range)))
      yield { key: this.#keyOf(key, this.#rows.byteLength), value: this.#valueOf(key, value) }
  }

  /**
   * Rows in the order of an index, found as they are when the iteration begins. A row that is changed meanwhile appears as
   * it is then, and is left out when it no longer belongs.
   */
  *by<N extends keyof I & string>(name: N, range: KeyRange<KeyOf<I[N]>> = {}): Iterable<Entry<K, V>> {
    const index = this.definition.indexes[name]!
    const area = indexArea(this.definition.name, name)
    const bounds = rangeOf(area, index.key, range as KeyRange<unknown>)
    for (const { key: indexKey, value: keyBytes } of this.#source.range(bounds)) {
      const key = this.#keyOf(keyBytes, 0)
      const value = this.#read(keyBytes)
      if (value !== null && this.#isFound(index, key, keyBytes, value, indexKey, area)) yield { key, value }
    }
  }

  /** The first row of an index in this range. */
  first<N extends keyof I & string>(name: N, range: KeyRange<KeyOf<I[N]>> = {}): Entry<K, V> | null {
    for (const entry of this.by(name, { ...range, limit: 1 })) return entry
    return null
  }

  #isFound(
    index: Index<K, V, unknown>,
    key: K,
    keyBytes: Buffer,
    value: V,
    indexKey: Buffer,
    area: Buffer
  ): boolean {
    return index
      .of(value, key)
      .some(found => Buffer.concat([area, index.key.write(found), keyBytes]).equals(indexKey))
  }

  #rowKey(key: Buffer): Buffer {
    return Buffer.concat([this.#rows, key])
  }

  #read(keyBytes: Buffer): V | null {
    const key = this.#rowKey(keyBytes)
    const value = this.#source.get(key)
    return value && this.#valueOf(key, value)
  }

  #keyOf(from: Buffer, at: number): K {
    return this.definition.key.read(from, at).key
  }

  #valueOf(key: Buffer, sealed: Buffer): V {
    const { folder } = this.#source
    return decodeValue(folder, this.definition.codec, key, unseal(folder, key, sealed))
  }
}

function rangeOf<T>(area: Buffer, codec: KeyCodec<T>, range: KeyRange<T>): Range {
  const { under, gte = under, lte = under, lt, reverse, limit } = range
  const bound = (prefix: Prefix<T>): Buffer => Buffer.concat([area, codec.writePrefix(prefix)])
  const end = lt === undefined ? (lte === undefined ? after(area) : after(bound(lte))) : bound(lt)
  return {
    gte: gte === undefined ? area : bound(gte),
    lt: end,
    ...(reverse === undefined ? {} : { reverse }),
    ...(limit === undefined ? {} : { limit })
  }
}

export function readCount(source: Source, table: string): number {
  const key = countKey(table)
  const sealed = source.get(key)
  return sealed ? Number(unseal(source.folder, key, sealed).readBigUInt64BE()) : 0
}

/** The rows of a table as they lie on disk, without their area and checksum. */
export function* rawRows(source: Source, table: string): Iterable<Row> {
  const area = rowsArea(table)
  for (const { key, value } of source.range({ gte: area, lt: after(area) }))
    yield { key: key.subarray(area.byteLength), value: unseal(source.folder, key, value) }
}

/** Key and value of a row, and the index rows that it should have. */
export function readRow(
  source: Source,
  table: AnyTable,
  row: Row
): { key: unknown; value: unknown; index: Row[] } {
  const rowKey = Buffer.concat([rowsArea(table.name), row.key])
  const { key } = table.key.read(row.key, 0)
  const value = decodeValue(source.folder, table.codec, rowKey, row.value)
  return { key, value, index: indexRows(table, key, row.key, value) }
}
