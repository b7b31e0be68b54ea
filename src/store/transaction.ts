import { BushelError } from '../../contracts/errors/error.js'
import { MAX_KEY } from './backend/backend.js'
import type { Change, Row } from './backend/backend.js'
import { Overlay } from './backend/overlay.js'
import { Chain, appended } from './chain.js'
import type { AnyTable, ChainDefinition, Indexes, TableDefinition } from './definition.js'
import { uint } from './key.js'
import { countKey, decodeValue, headKey, indexRows, rowsArea, seal, unseal } from './layout.js'
import { Table, readCount } from './table.js'
import type { Source } from './table.js'

/** Changes that are committed together. Reads show what was changed in it. */
export class Transaction {
  #overlay: Overlay
  #source: Source
  #declared: ReadonlySet<unknown>

  constructor(source: Source, declared: ReadonlySet<unknown>) {
    this.#overlay = new Overlay(source)
    this.#declared = declared
    this.#source = {
      folder: source.folder,
      get: key => this.#overlay.get(key),
      range: range => this.#overlay.range(range)
    }
  }

  table<K, V, I extends Indexes<K, V>>(table: TableDefinition<K, V, I>): Table<K, V, I> {
    return new Table(this.#demandDeclared(table), this.#source)
  }

  chain<V>(chain: ChainDefinition<V>): Chain<V> {
    return new Chain(this.#demandDeclared(chain), this.#source)
  }

  /** Sets a row and its index rows. Throws TABLE_FULL for a new row beyond the bound of the table. */
  put<K, V, I extends Indexes<K, V>>(table: TableDefinition<K, V, I>, key: K, value: V): void {
    this.update(table, key, () => value)
  }

  delete<K, V, I extends Indexes<K, V>>(table: TableDefinition<K, V, I>, key: K): void {
    this.update(table, key, () => null)
  }

  /** Puts what `change` makes of a row, or deletes the row for null. Throws as `put`. */
  update<K, V, I extends Indexes<K, V>>(
    table: TableDefinition<K, V, I>,
    key: K,
    change: (before: V | null) => V | null
  ): void {
    this.#update(this.#demandDeclared(table) as AnyTable, key, change as (before: unknown) => unknown)
  }

  /** Adds an entry to a chain and returns its number, counted from 0. */
  append<V>(chain: ChainDefinition<V>, entry: V): number {
    const { seq, key, value, head } = appended(this.#source, this.#demandDeclared(chain), entry)
    this.#set(key, seal(key, value))
    const place = headKey(chain.name)
    this.#set(place, seal(place, head))
    return seq
  }

  changes(): Change[] {
    return this.#overlay.changes()
  }

  #update(table: AnyTable, key: unknown, change: (before: unknown) => unknown): void {
    const { folder } = this.#source
    const keyBytes = table.key.write(key)
    const rowKey = Buffer.concat([rowsArea(table.name), keyBytes])
    const old = this.#overlay.get(rowKey)
    const before = old && decodeValue(folder, table.codec, rowKey, unseal(folder, rowKey, old))
    // Before the change, which may reuse the value.
    const oldRows = old ? indexRows(table, key, keyBytes, before) : []
    const value = change(before)
    const sealed = value === null ? null : seal(rowKey, table.codec.encode(value))
    // What stays as it is costs no page.
    if (old && sealed ? old.equals(sealed) : old === sealed) return
    const rows = sealed ? indexRows(table, key, keyBytes, value) : []
    this.#set(rowKey, sealed)
    for (const { key } of oldRows) if (!isAmong(rows, key)) this.#set(key, null)
    for (const { key, value } of rows) if (!isAmong(oldRows, key)) this.#set(key, value)
    const growth = (sealed ? 1 : 0) - (old ? 1 : 0)
    if (growth !== 0) this.#count(table, growth)
  }

  #count(table: AnyTable, growth: number): void {
    const count = readCount(this.#source, table.name) + growth
    if (growth > 0 && 'rows' in table.bound && count > table.bound.rows)
      throw new BushelError(
        'TABLE_FULL',
        `the table ${table.name} has its ${table.bound.rows} rows, and no more are taken`
      )
    const key = countKey(table.name)
    this.#set(key, seal(key, uint.write(count)))
  }

  #set(key: Buffer, value: Buffer | null): void {
    if (key.byteLength > MAX_KEY) throw new RangeError(`a key of ${key.byteLength} bytes cannot be stored`)
    this.#overlay.set(key, value)
  }

  #demandDeclared<T extends { name: string }>(definition: T): T {
    if (!this.#declared.has(definition))
      throw new Error(`${definition.name} was not declared when the store was opened`)
    return definition
  }
}

function isAmong(rows: readonly Row[], key: Buffer): boolean {
  return rows.some(row => row.key.equals(key))
}
