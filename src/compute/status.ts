import type { Store } from '../store/store.js'
import { RunRecords } from './buyer/run/run-records.js'
import { JOB } from './job/job-state.js'
import { readLending } from './provider/settings.js'
import type { Worker } from './provider/worker.js'
import { bestWalls } from './sandbox/sandbox.js'

/** The jobs in both roles, and what stands around those of others. `worker` is null where none runs. */
export async function computeStatus(
  store: Store,
  worker: Worker | null
): Promise<{ facts: Record<string, string | number | boolean>; lines: { label: string; text: string }[] }> {
  const jobs = worker?.jobs ?? []
  const running = jobs.filter(({ work }) => work && work !== 'QUEUED').length
  const isQueued = ({ job, work }: (typeof jobs)[number]): boolean =>
    job.state === JOB.QUEUED && (work ?? 'QUEUED') === 'QUEUED'
  const queued = jobs.filter(isQueued).length
  const paused = (worker?.settings ?? readLending(store)).paused === true
  const bought = [...new RunRecords(store).open()].length
  const text = `${bought} bought; ${running} of others running, ${queued} queued${paused ? '; PAUSED' : ''}`
  const lines = [{ label: 'jobs', text }]
  const facts = { running, queued, paused, bought }
  // only a seller has guests, and a look at what stands around one starts one
  if (!worker || readLending(store).cores === undefined) return { facts, lines }
  const walls = (worker.walls ?? (await bestWalls())).join(', ')
  lines.push({ label: 'around jobs', text: walls || 'a process of their own, and no more' })
  return { facts: { ...facts, walls }, lines }
}
