import { BushelError } from '../../../../contracts/errors/error.js'
import { MOST_FUEL } from '../../../compute/sandbox/job.js'
import { Sandbox } from '../../../compute/sandbox/sandbox.js'
import type { Outcome } from '../../../compute/sandbox/sandbox.js'
import { standalone } from '../definition/call.js'
import type { CallContext } from '../definition/call.js'
import { LOCAL_RESULT, MAP_LOCAL, MAP_RESULT, RUN_LOCAL } from './job-fields.js'
import type { JobParams, LocalResult, MapEntry, MapLocal, MapResult } from './job-fields.js'
import { isOk, mapResult } from './map-result.js'
import { readJob, readMap } from './job-input.js'
import type { ReadJob } from './job-input.js'
import { forwardOutput, outOf } from './job-output.js'
import type { OutPlace } from './job-output.js'
import { checkOut } from '../../../files/out-folder.js'

export const LOCAL_CALLS = {
  'run.local': standalone(
    'run.local',
    {
      summary: 'runs a job on this machine: same fuel and hash as at a provider, nothing paid',
      params: RUN_LOCAL,
      result: LOCAL_RESULT,
      events: ['output'],
      changes: true
    },
    runLocally
  ),
  'run.map.local': standalone(
    'run.map.local',
    {
      summary: 'runs a map on this machine, one job after the other',
      params: MAP_LOCAL,
      result: MAP_RESULT,
      events: ['output', 'mapped'],
      changes: true
    },
    mapLocally
  )
}

/** Runs a job on this machine as a provider would: the same sandbox, limits, fuel and hash. Needs no home. */
async function runLocally(params: JobParams, context: CallContext): Promise<LocalResult> {
  if (params.out !== undefined) await checkOut(params.out, params.force)
  const job = await readJob(params, context.signal)
  const sandbox = new Sandbox({ warm: 0 })
  try {
    const { outcome, seconds } = await runIn(sandbox, job, context.signal)
    await forwardOutput(outcome, context.onProgress)
    return resultOf(sandbox, outcome, seconds, await outOf(outcome, placeOf(params)))
  } finally {
    await sandbox.close()
  }
}

/** A map at home, one job after the other. */
async function mapLocally(params: MapLocal, context: CallContext): Promise<MapResult> {
  if (params.out !== undefined) await checkOut(params.out, params.force)
  const started = performance.now()
  const inputs = await readMap(params, context.signal)
  const sandbox = new Sandbox()
  const entries: MapEntry[] = []
  try {
    for (const job of inputs) {
      const { outcome, seconds } = await runIn(sandbox, job, context.signal)
      await forwardOutput(outcome, context.onProgress, job.name)
      const entry = await entryOf(job.name, outcome, seconds)
      entries.push(entry)
      const [done, total] = [entries.length, inputs.length]
      context.onProgress({ event: 'mapped', job: job.name, ok: isOk(entry), done, total })
    }
  } finally {
    await sandbox.close()
  }
  return mapResult(entries, (performance.now() - started) / 1000)

  async function entryOf(input: string, outcome: Outcome, seconds: number): Promise<MapEntry> {
    try {
      const out = await outOf(outcome, placeOf(params, input))
      return { input, ...resultOf(sandbox, outcome, seconds, out) }
    } catch (error) {
      if (!(error instanceof BushelError)) throw error
      return { input, error: error.toJSON() }
    }
  }
}

function placeOf({ out, force }: JobParams | MapLocal, input?: string): OutPlace {
  return { out: out === undefined || input === undefined ? out : `${out}/${input}`, force }
}

async function runIn(
  sandbox: Sandbox,
  { module, args, stdin, files, seed, limits }: ReadJob,
  signal: AbortSignal
): Promise<{ outcome: Outcome; seconds: number }> {
  const started = performance.now()
  const given = files.map(({ path, bytes }) => ({ path, bytes: bytes }))
  const fuel = MOST_FUEL - 1n
  const outcome = await sandbox.run({ module, args, stdin, files: given, seed, limits, fuel }, { signal })
  return { outcome, seconds: (performance.now() - started) / 1000 }
}

function resultOf(sandbox: Sandbox, outcome: Outcome, seconds: number, out: string | null): LocalResult {
  const { status, limit, reason, exitCode, fuel, hash, cpuMs, peakBytes } = outcome
  return {
    id: '',
    status,
    limit,
    reason,
    exitCode,
    fuel: fuel.toString(),
    hash,
    out,
    paidMsat: '0',
    feesMsat: '0',
    providers: [],
    evidence: [],
    seconds,
    isolation: sandbox.isolation,
    cpuMs,
    peakBytes
  }
}
