import type { Facts } from '../store/facts.js'
import { RunRecords } from './buyer/run/run-records.js'
import { readLending } from './provider/settings.js'
import type { Worker } from './provider/worker.js'

const AT_WORK = new Set(['FETCHING', 'RUNNING', 'WAITING', 'PAUSED'])

/** The jobs in both roles. `worker` is null where none runs. */
export function computeStatus(
  facts: Facts,
  worker: Worker | null
): { facts: Record<string, number | boolean>; lines: { label: string; text: string }[] } {
  const states = (worker?.jobs ?? []).map(({ state }) => state)
  const running = states.filter(state => AT_WORK.has(state)).length
  const queued = states.filter(state => state === 'QUEUED').length
  const paused = (worker?.settings ?? readLending(facts)).paused === true
  const bought = new RunRecords(facts).list().filter(({ state }) => state === 'open').length
  const text = `${bought} bought; ${running} of others running, ${queued} queued${paused ? '; PAUSED' : ''}`
  return { facts: { running, queued, paused, bought }, lines: [{ label: 'jobs', text }] }
}
