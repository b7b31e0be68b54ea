import type { Store } from '../store/store.js'
import { RunRecords } from './buyer/run/run-records.js'
import { JOB } from './job/job-state.js'
import { readLending } from './provider/settings.js'
import type { Worker } from './provider/worker.js'

/** The jobs in both roles. `worker` is null where none runs. */
export function computeStatus(
  store: Store,
  worker: Worker | null
): { facts: Record<string, number | boolean>; lines: { label: string; text: string }[] } {
  const jobs = worker?.jobs ?? []
  const running = jobs.filter(({ work }) => work && work !== 'QUEUED').length
  const isQueued = ({ job, work }: (typeof jobs)[number]): boolean =>
    job.state === JOB.QUEUED && (work ?? 'QUEUED') === 'QUEUED'
  const queued = jobs.filter(isQueued).length
  const paused = (worker?.settings ?? readLending(store)).paused === true
  const bought = [...new RunRecords(store).open()].length
  const text = `${bought} bought; ${running} of others running, ${queued} queued${paused ? '; PAUSED' : ''}`
  return { facts: { running, queued, paused, bought }, lines: [{ label: 'jobs', text }] }
}
