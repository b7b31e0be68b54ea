import { mkdirSync } from 'node:fs'
import { CHAINS, tablesOf } from '../../../src/node/tables.js'
import { RESOURCES } from '../../../src/node/trade/resources.js'
import { problemsOfLedger } from '../../../src/payment/ledger/check.js'
import type { Backend } from '../../../src/store/backend/backend.js'
import type { AnyTable } from '../../../src/store/definition.js'
import { Store } from '../../../src/store/store.js'

/** A store with all tables of a home, and perhaps some of a test, not opened yet, in a folder that is created. */
export function storeIn(
  dir: string,
  tables: readonly AnyTable[] = [],
  backend?: (folder: string) => Backend
): Store {
  mkdirSync(dir, { recursive: true })
  const options = {
    tables: [...tablesOf(RESOURCES), ...tables],
    chains: CHAINS,
    ...(backend ? { backend } : {})
  }
  const store = new Store(dir, options)
  store.registerCheck('ledger', () => problemsOfLedger(store))
  return store
}
