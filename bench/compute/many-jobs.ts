import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Sandbox } from '../../src/compute/sandbox/sandbox.js'
import type { SandboxJob } from '../../src/compute/sandbox/sandbox.js'
import type { Figure, Settings } from '../figure.js'
import { inJobMarket, jobOf, never, requestOf, silent } from './job-market.js'

const MODULE = fileURLToPath(new URL('../../../docs/examples/option.wasm', import.meta.url))
const PROVIDERS = 4

/** Many jobs over four providers with one core each, compared with four sandboxes without payments. */
export async function manyJobs({ quick, say }: Settings): Promise<Figure[]> {
  const [count, paths] = quick ? [8, '1000'] : [200, '8000000']
  const module = await readFile(MODULE)
  const jobs = Array.from({ length: count }, (_, seed) => jobOf(module, [paths, String(seed)]))
  const { ms: bare, cpuMs } = await alone(jobs)
  say(`${count} jobs in ${PROVIDERS} sandboxes: ${(bare / 1000).toFixed(1)} s`)
  const traded = await inJobMarket({ count: PROVIDERS, warm: 1, cores: 1 }, async ({ trade, market }) => {
    const requests = jobs.map(job => requestOf(market, job))
    const devices = new Map<string, number>()
    const begun = performance.now()
    for await (const { outcome, error } of trade.compute.runs.map(requests, {}, silent, never)) {
      if (outcome?.status !== 'ok')
        throw error ?? new Error(`a job is ${outcome?.status}: ${outcome?.reason}`)
      for (const { device } of outcome.providers) devices.set(device, (devices.get(device) ?? 0) + 1)
    }
    const ms = performance.now() - begun
    say(
      `${count} jobs bought: ${(ms / 1000).toFixed(1)} s, ${[...devices.values()].join(' + ')} of them at each`
    )
    return ms
  })
  const guests = `${(cpuMs / count / 1000).toFixed(2)} s of processor in each guest`
  const beside = (traded - bare) / count
  return [
    {
      name: `${count} jobs over ${PROVIDERS} providers`,
      measured: (1000 * count) / traded,
      unit: 'jobs/s',
      baseline: { name: `the same in ${PROVIDERS} bare sandboxes`, value: (1000 * count) / bare },
      note: guests
    },
    {
      name: 'time of these that is not in guests',
      measured: 100 * Math.max(0, 1 - bare / traded),
      unit: '%',
      note: `choosing, agreeing, paying, blobs: ${beside.toFixed(0)} ms for each job that the bare sandboxes do not need`
    }
  ]
}

/** Runs the jobs in sandboxes alone, one at a time in each. */
async function alone(jobs: readonly SandboxJob[]): Promise<{ ms: number; cpuMs: number }> {
  const sandboxes = Array.from({ length: PROVIDERS }, () => new Sandbox({ warm: 1, nice: 0 }))
  const queue = [...jobs]
  let cpuMs = 0
  const lane = async (sandbox: Sandbox): Promise<void> => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      const outcome = await sandbox.run(job)
      if (outcome.status !== 'ok') throw new Error(`a job is ${outcome.status}: ${outcome.reason}`)
      cpuMs += outcome.cpuMs
    }
  }
  try {
    for (const sandbox of sandboxes) await sandbox.warmed()
    const begun = performance.now()
    await Promise.all(sandboxes.map(lane))
    return { ms: performance.now() - begun, cpuMs }
  } finally {
    for (const sandbox of sandboxes) await sandbox.close()
  }
}
