import type { WorkerSettings } from './worker-options.js'
import { change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { lendingTable } from '../tables.js'

const KEY = 'worker'

/** The owner's saved limits; empty before the first change. */
export function readLending(store: Store): Partial<WorkerSettings> {
  const value = store.table(lendingTable).get(KEY)
  return value ? (JSON.parse(value.toString()) as Partial<WorkerSettings>) : {}
}

/** Saves the owner's limits, which survive a restart. */
export async function saveLending(store: Store, settings: Partial<WorkerSettings>): Promise<void> {
  await store.set(change(lendingTable, KEY, Buffer.from(JSON.stringify(settings))))
}
