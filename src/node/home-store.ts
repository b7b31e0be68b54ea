import { problemsOfLedger } from '../payment/ledger/check.js'
import { Store } from '../store/store.js'
import type { StoreOptions } from '../store/store.js'
import { CHAINS, tablesOf } from './tables.js'
import type { TradeResource } from './trade/parts.js'
import { RESOURCES } from './trade/resources.js'

interface HomeStoreOptions extends Pick<StoreOptions, 'readOnly' | 'backend'> {
  /** The resources whose records the home has; those of `RESOURCES` by default. */
  resources?: readonly TradeResource[]
}

/** The store of a home, not opened yet. */
export function homeStore(dir: string, { resources = RESOURCES, ...options }: HomeStoreOptions = {}): Store {
  const store = new Store(dir, { tables: tablesOf(resources), chains: CHAINS, ...options })
  store.registerCheck('ledger', () => problemsOfLedger(store))
  for (const { resource, problems } of resources)
    if (problems) store.registerCheck(resource.id, () => problems(store))
  return store
}

/** Reads from the store of a home on which a node may be running; `read` sees one moment. */
export async function readingStore<T>(dir: string, read: (store: Store) => T | Promise<T>): Promise<T> {
  const store = homeStore(dir, { readOnly: true })
  await store.ready()
  try {
    return await read(store)
  } finally {
    await store.close()
  }
}
