import type { WorkerSettings } from './worker-options.js'
import type { Facts } from '../../store/facts.js'

const KIND = 'lending'
const KEY = Buffer.from('worker')

/** The owner's saved limits; empty before the first change. */
export function readLending(facts: Facts): Partial<WorkerSettings> {
  const value = facts.get(KIND, KEY)
  return value ? (JSON.parse(value.toString()) as Partial<WorkerSettings>) : {}
}

/** Saves the owner's limits, which survive a restart. */
export async function saveLending(facts: Facts, settings: Partial<WorkerSettings>): Promise<void> {
  await facts.set({ kind: KIND, key: KEY, value: Buffer.from(JSON.stringify(settings)) })
}
