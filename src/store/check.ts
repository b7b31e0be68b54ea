import { BushelError } from '../../contracts/errors/error.js'
import type { Row } from './backend/backend.js'
import { Chain } from './chain.js'
import type { AnyChain, AnyTable } from './definition.js'
import {
  chainArea,
  countKey,
  everything,
  formatKey,
  headKey,
  indexArea,
  nameOf,
  rowsArea,
  unseal,
  within
} from './layout.js'
import { rawRows, readCount, readRow } from './table.js'
import type { Source } from './table.js'

/** A check of another room over the whole store: one line for each problem. */
export interface Check {
  name: string
  run(): Iterable<string>
}

/** What is wrong in the store, a line for each problem. */
export function* problemsOf(
  source: Source,
  tables: readonly AnyTable[],
  chains: readonly AnyChain[],
  checks: readonly Check[]
): Iterable<string> {
  for (const table of tables) {
    yield* reported(() => problemsOfRows(source, table))
    yield* reported(() => problemsOfIndexes(source, table))
  }
  for (const chain of chains) yield* reported(() => new Chain(chain, source).problems())
  yield* reported(() => strays(source, tables, chains))
  for (const { name, run } of checks) {
    for (const line of reported(run)) yield `${name}: ${line}`
  }
}

/** Damage ends the part of the check that meets it, and is a problem like the others. */
function* reported(part: () => Iterable<string>): Iterable<string> {
  try {
    yield* part()
  } catch (error) {
    if (!isDamage(error)) throw error
    yield error.message
  }
}

function isDamage(error: unknown): error is BushelError {
  return error instanceof BushelError && error.code === 'BAD_STORE'
}

/** Each row has its index rows, and the kept count is right. */
function* problemsOfRows(source: Source, table: AnyTable): Iterable<string> {
  let rows = 0
  for (const row of rawRows(source, table.name)) {
    rows++
    for (const { key, value } of readRow(source, table, row).index) {
      const found = source.get(key)
      if (!found?.equals(value))
        yield `table ${table.name}: row ${row.key.toString('hex')} is missing from ${nameOf(key)}`
    }
  }
  const count = readCount(source, table.name)
  if (count !== rows) yield `table ${table.name}: it has ${rows} rows, its count says ${count}`
}

/** Each index row belongs to a row that is found by it. A damaged row is a problem of the rows. */
function* problemsOfIndexes(source: Source, table: AnyTable): Iterable<string> {
  for (const name of Object.keys(table.indexes)) {
    for (const { key, value: rowKey } of source.range(within(indexArea(table.name, name)))) {
      const row = rawRow(source, table.name, rowKey)
      if (row === 'damaged') continue
      const index = row ? readRow(source, table, row).index : []
      if (!index.some(expected => expected.key.equals(key)))
        yield `table ${table.name}: ${nameOf(key)} belongs to no row`
    }
  }
}

function rawRow(source: Source, table: string, rowKey: Buffer): Row | 'damaged' | null {
  const key = Buffer.concat([rowsArea(table), rowKey])
  const sealed = source.get(key)
  try {
    return sealed && { key: rowKey, value: unseal(source.folder, key, sealed) }
  } catch (error) {
    if (isDamage(error)) return 'damaged'
    throw error
  }
}

/** Keys of no declared table, index or chain. */
function* strays(source: Source, tables: readonly AnyTable[], chains: readonly AnyChain[]): Iterable<string> {
  const areas = new Set<string>(
    [
      formatKey,
      ...tables.flatMap(({ name, indexes }) => [
        rowsArea(name),
        countKey(name),
        ...Object.keys(indexes).map(index => indexArea(name, index))
      ]),
      ...chains.flatMap(({ name }) => [chainArea(name), headKey(name)])
    ].map(String)
  )
  const seen = new Set<string>()
  for (const { key } of source.range(everything)) {
    const area = key.toString('utf8', 0, key.indexOf(0) + 1)
    if (areas.has(area) || seen.has(area)) continue
    seen.add(area)
    yield `${nameOf(key)} belongs to nothing that is declared`
  }
}
