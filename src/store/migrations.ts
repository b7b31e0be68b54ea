import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../base/disk/atomic-file.js'
import type { Backend, Row } from './backend/backend.js'
import { Overlay } from './backend/overlay.js'
import type { AnyTable } from './definition.js'
import { uint } from './key.js'
import { allIndexes, countKey, formatKey, rowsArea, seal, within } from './layout.js'
import { rawRows, readRow } from './table.js'
import type { Source } from './table.js'

/**
 * One step from a version of the format to the next. It changes rows as bytes, because the structs of the schema are those
 * of today. Index rows and counts are made anew after all steps. Chains are never changed.
 */
export interface Migration {
  name: string
  run(rows: MigratedRows): void
}

export interface MigratedRows {
  /** Key and value of each row of a table, as bytes. */
  list(table: string): Iterable<Row>
  put(table: string, key: Buffer, value: Buffer): void
  delete(table: string, key: Buffer): void
}

/** The first brings format 1 to format 2. A migration that has been released is never changed. */
export const MIGRATIONS: readonly Migration[] = []

/** Where the copy of a store of an earlier format is kept. */
export function copyOf(folder: string, format: number): string {
  return `${folder}.before-${format}`
}

/** Brings a store up to date: a copy first, then everything in one commit. */
export async function migrate(
  backend: Backend,
  folder: string,
  {
    format,
    migrations,
    tables
  }: { format: number; migrations: readonly Migration[]; tables: readonly AnyTable[] }
): Promise<void> {
  const copy = copyOf(folder, format)
  await rm(`${copy}.new`, { recursive: true, force: true })
  await backend.copy(`${copy}.new`)
  await rm(copy, { recursive: true, force: true })
  await rename(`${copy}.new`, copy)
  await syncFolder(dirname(folder))

  const draft = new Overlay(backend)
  const source: Source = { folder, get: key => draft.get(key), range: range => draft.range(range) }
  const set = (key: Buffer, value: Buffer): void => draft.set(key, seal(key, value))
  const rowKey = (table: string, key: Buffer): Buffer => Buffer.concat([rowsArea(table), key])
  for (const migration of migrations.slice(format - 1)) {
    migration.run({
      list: table => rawRows(source, table),
      put: (table, key, value) => set(rowKey(table, key), value),
      delete: (table, key) => draft.set(rowKey(table, key), null)
    })
  }
  for (const { key } of draft.range(within(allIndexes))) draft.set(key, null)
  for (const table of tables) {
    let count = 0
    for (const row of rawRows(source, table.name)) {
      for (const { key, value } of readRow(source, table, row).index) draft.set(key, value)
      count++
    }
    set(countKey(table.name), uint.write(count))
  }
  set(formatKey, uint.write(migrations.length + 1))
  await backend.commit(draft.changes())
}
