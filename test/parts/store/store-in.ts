import { mkdirSync } from 'node:fs'
import { tablesOf } from '../../../src/node/tables.js'
import { RESOURCES } from '../../../src/node/trade/resources.js'
import type { AnyTable } from '../../../src/store/definition.js'
import { Store } from '../../../src/store/store.js'

/** A store with all tables of a home, and perhaps some of a test, not opened yet, in a folder that is created. */
export function storeIn(dir: string, tables: readonly AnyTable[] = []): Store {
  mkdirSync(dir, { recursive: true })
  return new Store(dir, { tables: [...tablesOf(RESOURCES), ...tables], chains: [] })
}
