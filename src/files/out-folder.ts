import { writeFile } from 'node:fs/promises'
import { BushelError } from '../../contracts/errors/error.js'
import { sha256InSteps } from '../base/steps.js'
import { Destination } from './destination.js'
import { planOfFiles } from './tree-plan.js'

/** A file in memory; its path is relative, with `/`. */
export interface MemoryFile {
  path: string
  bytes: Buffer
}

/**
 * Writes the output files of a job as safely as a restore: into a folder beside `dest` that is then moved into place,
 * never outside `dest`, never through a symbolic link, and never over a different file without `force`. Throws
 * UNSAFE_OUTPUT, IN_THE_WAY or FILE_EXISTS.
 */
export async function writeOut(dest: string, files: readonly MemoryFile[], force: boolean): Promise<void> {
  const sums: { path: string; size: number; executable: boolean; sha256: string }[] = []
  for (const { path, bytes } of files)
    sums.push({
      path,
      size: bytes.byteLength,
      executable: false,
      sha256: (await sha256InSteps([bytes])).toString('hex')
    })
  const plan = planOfFiles(sums, unsafe)
  const destination = new Destination(dest, plan, force)
  const same = await destination.survey()
  await destination.prepare()
  const all = new Map(plan.files.map(file => [file, file.sha256!]))
  const bytesOf = new Map(files.map(({ path, bytes }) => [path, bytes]))
  for (const file of plan.files) {
    if (!same.has(file)) await writeFile(destination.partOf(file.path), bytesOf.get(file.path)!)
  }
  await destination.install(same, all)
}

/** Throws IN_THE_WAY when `dest` is not a folder, so that this is known before anything is paid. */
export async function checkOut(dest: string, force: boolean): Promise<void> {
  await new Destination(dest, planOfFiles([], unsafe), force).survey()
}

function unsafe(what: string): BushelError {
  return new BushelError(
    'UNSAFE_OUTPUT',
    `the job's output cannot be written: ${what}`,
    'nothing was written'
  )
}
