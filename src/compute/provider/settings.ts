import type { WorkerSettings } from './worker-options.js'
import type { Facts } from '../../store/facts.js'

const KIND = 'lending'
const KEY = Buffer.from('worker')

/** What the owner lends of this machine, as last said; nothing before that. */
export function readLending(facts: Facts): Partial<WorkerSettings> {
  const value = facts.get(KIND, KEY)
  return value ? (JSON.parse(value.toString()) as Partial<WorkerSettings>) : {}
}

/** On disk when it resolves: a node that starts again lends the same. */
export async function saveLending(facts: Facts, settings: Partial<WorkerSettings>): Promise<void> {
  await facts.set({ kind: KIND, key: KEY, value: Buffer.from(JSON.stringify(settings)) })
}
