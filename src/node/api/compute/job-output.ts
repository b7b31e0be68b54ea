import type { SandboxFile } from '../../../compute/sandbox/job.js'
import { EXIT } from '../../../../contracts/errors/error-table.js'
import { BushelError } from '../../../../contracts/errors/error.js'
import type { Progress } from '../definition/events.js'
import { writeOut } from '../../../files/out-folder.js'

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

/** Where to write a job's `/out`, and the name that tells its folder from others. */
export interface OutPlace {
  out: string | undefined
  force: boolean
  name: string
}

/**
 * Writes a job's `/out` when a folder was given and the job ended by itself; returns the folder. When a file is in the
 * way the paid output goes into a new folder beside it, with a note.
 */
export async function outOf(
  { status, files }: { status: string; files: readonly SandboxFile[] },
  { out, force, name }: OutPlace,
  onnote: (message: string) => void
): Promise<string | null> {
  if (out === undefined || status !== 'ok') return null
  try {
    await writeOut(out, files, force)
    return out
  } catch (error) {
    if (!(error instanceof BushelError) || error.exit !== EXIT.badInput || name === '') throw error
    const beside = `${out}.${name.slice(0, 8)}`
    await writeOut(beside, files, false)
    onnote(`${error.message}; the output is in ${beside}`)
    return beside
  }
}
