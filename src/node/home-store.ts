import { Store } from '../store/store.js'
import type { StoreOptions } from '../store/store.js'
import { problemsOfLeases } from '../storage/lease/lease-sums.js'
import { problemsOfLedger } from '../payment/ledger/check.js'
import { CHAINS, TABLES } from './tables.js'

/** The store of a home, not opened yet. */
export function homeStore(dir: string, options: Pick<StoreOptions, 'readOnly' | 'backend'> = {}): Store {
  const store = new Store(dir, { tables: TABLES, chains: CHAINS, ...options })
  store.registerCheck('leases', () => problemsOfLeases(store))
  store.registerCheck('ledger', () => problemsOfLedger(store))
  return store
}

/** Reads from the store of a home on which a node may be running; `read` sees one moment. */
export async function readingStore<T>(dir: string, read: (store: Store) => T): Promise<T> {
  const store = homeStore(dir, { readOnly: true })
  await store.ready()
  try {
    return read(store)
  } finally {
    await store.close()
  }
}
