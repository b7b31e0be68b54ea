import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type { JobFile } from '../compute/sandbox/job.js'
import { BushelError } from '../../contracts/errors.js'
import { faultOfPaths } from '../compute/sandbox/job.js'
import { Place } from '../storage/restore-place.js'
import { planOfFiles } from '../storage/restore-plan.js'

/**
 * Writes what a job has left under `/out`, with the safety of a restore: into a folder beside `dest` that is then moved
 * into place; nothing outside `dest`, nothing through a symbolic link, and no file that is different without `force`.
 */
export async function writeOut(dest: string, files: readonly JobFile[], force: boolean): Promise<void> {
  const fault = faultOfPaths(files.map(({ path }) => path))
  if (fault)
    throw BushelError.failed(
      `the job's output cannot be written: ${fault}`,
      'nothing was written',
      'UNSAFE_OUTPUT'
    )
  const sums: { path: string; size: number; executable: boolean; sha256: string }[] = []
  for (const { path, bytes } of files)
    sums.push({ path, size: bytes.byteLength, executable: false, sha256: await sumOf(bytes) })
  const plan = planOfFiles(sums)
  const place = new Place(dest, plan, force)
  const same = await place.survey()
  await place.prepare()
  const all = new Map(plan.files.map(file => [file, file.sha256!]))
  const bytesOf = new Map(files.map(({ path, bytes }) => [path, bytes]))
  for (const file of plan.files) {
    if (!same.has(file)) await writeFile(place.partOf(file.path), bytesOf.get(file.path)!)
  }
  await place.install(same, all)
}

/** Throws as writing would where something else than a folder stands; for use before anything is paid. */
export async function checkOut(dest: string, force: boolean): Promise<void> {
  await new Place(dest, planOfFiles([]), force).survey()
}

const STEP = 4 << 20

/** SHA-256, hex; in steps, so that the node goes on. */
async function sumOf(bytes: Buffer): Promise<string> {
  const hash = createHash('sha256')
  for (let at = 0; at < bytes.byteLength; at += STEP) {
    hash.update(bytes.subarray(at, at + STEP))
    if (at + STEP < bytes.byteLength) await new Promise(resolve => setImmediate(resolve))
  }
  return hash.digest('hex')
}
