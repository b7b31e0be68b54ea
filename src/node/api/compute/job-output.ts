import { formatKey, shortKey } from '../../../../contracts/keys/key.js'
import { BushelError } from '../../../../contracts/errors/error.js'
import type { Jobs, RunOutcome } from '../../../compute/buyer/jobs.js'
import type { SandboxFile } from '../../../compute/sandbox/job.js'
import { writeOut } from '../../../files/out-folder.js'
import type { Progress } from '../definition/events.js'
import type { JobResult } from './job-fields.js'
import { jobProvider } from './job-view.js'

/** Bytes of one portion of what a program printed: a line of the control socket. */
const PORTION = 96 << 10

/** Sends a program's output to the caller in portions, and yields between them. */
export async function forwardOutput(
  output: { stdout: Buffer; stderr: Buffer },
  onProgress: (progress: Progress) => void,
  job?: string
): Promise<void> {
  for (const stream of ['stdout', 'stderr'] as const) {
    const bytes = output[stream]
    for (let at = 0; at < bytes.byteLength; at += PORTION) {
      const base64 = bytes.subarray(at, at + PORTION).toString('base64')
      onProgress({ event: 'output', stream, base64, ...(job === undefined ? {} : { job }) })
      await new Promise(resolve => setImmediate(resolve))
    }
  }
}

/** Where to write a job's `/out`. */
export interface OutPlace {
  out?: string | undefined
  force: boolean
}

/** Writes a job's `/out` when a folder was given and the job ended by itself; returns the folder. Throws as `writeOut`. */
export async function outOf(
  { status, files }: { status: string; files: readonly SandboxFile[] },
  { out, force }: OutPlace
): Promise<string | null> {
  if (out === undefined || status !== 'ok') return null
  await writeOut(out, files, force)
  return out
}

/**
 * Writes the `/out` of a paid job, if it can be. Its output stays in the home until `jobs.fetched`, so an error says where
 * it is.
 */
export async function paidOut(outcome: RunOutcome, place: OutPlace): Promise<string | null> {
  try {
    return await outOf(outcome, place)
  } catch (error) {
    if (!(error instanceof BushelError)) throw error
    const { code, message } = error
    const kept = `${message}; the result of job ${shortKey(outcome.id)}... is paid and kept`
    throw new BushelError(code, kept, `fetch it with: ${fetching(outcome.id)}`).withCause(error)
  }
}

/** Gives the output of a paid job to a caller, and lets the home forget it once the caller has all that it asked for. */
export async function deliver(
  jobs: Jobs,
  outcome: RunOutcome,
  place: OutPlace,
  { onProgress, signal }: { onProgress: (progress: Progress) => void; signal: AbortSignal },
  job?: string
): Promise<JobResult> {
  await forwardOutput(outcome, onProgress, job)
  const out = await paidOut(outcome, place)
  const left = place.out === undefined && outcome.status === 'ok' ? outcome.files.length : 0
  if (left > 0)
    onProgress({
      event: 'note',
      message: `${left} file(s) under /out were not written; fetch them with: ${fetching(outcome.id)}`
    })
  signal.throwIfAborted()
  await jobs.fetched(outcome.id)
  return resultOf(outcome, out)
}

function fetching(id: Buffer): string {
  return `bushel job output ${shortKey(id)} --out DIR`
}

export function resultOf(outcome: RunOutcome, out: string | null): JobResult {
  const { id, status, limit, reason, exitCode, hash, evidence, seconds } = outcome
  return {
    id: formatKey(id),
    status,
    limit,
    reason,
    exitCode,
    fuel: outcome.fuel.toString(),
    hash,
    out,
    paidMsat: outcome.paidMsat.toString(),
    feesMsat: outcome.feesMsat.toString(),
    providers: outcome.providers.map(jobProvider),
    evidence,
    seconds
  }
}
