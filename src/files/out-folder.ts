import { writeFile } from 'node:fs/promises'
import { BushelError } from '../../contracts/errors/error.js'
import { sha256InSteps } from '../base/steps.js'
import { Destination } from './destination.js'
import { explainDest, removeFolder } from './disk.js'
import { planTree } from './tree-plan.js'
import type { PlannedFile } from './tree-plan.js'

/** A file in memory; its path is relative, with `/`. */
export interface MemoryFile {
  path: string
  bytes: Buffer
}

/**
 * Writes the output files of a job as safely as a restore: to a part that is then moved into place, never outside `dest`,
 * never through a symbolic link, and never over a different file without `force`. The files are on disk when it resolves.
 * Throws UNSAFE_OUTPUT, IN_THE_WAY, FILE_EXISTS, BAD_DEST or DISK_FULL.
 */
export async function writeOut(dest: string, files: readonly MemoryFile[], force: boolean): Promise<void> {
  const sums: PlannedFile[] = []
  for (const { path, bytes } of files)
    sums.push({
      path,
      size: bytes.byteLength,
      executable: false,
      mode: null,
      sha256: (await sha256InSteps([bytes])).toString('hex')
    })
  const plan = await planTree('folder', sums)
  const [bad] = plan.leftOut
  if (bad) throw unsafe(bad.why, bad.path)
  await told(dest, async () => {
    const destination = await Destination.at(dest, plan, force)
    const same = await destination.survey()
    const all = new Map(plan.files.map(file => [file, file.sha256!]))
    const bytesOf = new Map(files.map(({ path, bytes }) => [path, bytes]))
    try {
      await destination.prepare()
      const [refused] = plan.leftOut
      if (refused) throw notTaken(dest, refused.path)
      for (const file of plan.files) {
        if (!same.has(file))
          await writeFile(destination.partOf(file.path), bytesOf.get(file.path)!, { flush: true })
      }
      await destination.install(same, all)
    } catch (error) {
      await removeFolder(destination.part).catch(() => undefined) // the first error says more
      throw error
    }
  })
}

/**
 * Tries `dest` before anything is paid: what is there, and whether it can be written; nothing is left of the try. Throws
 * IN_THE_WAY, BAD_DEST or DISK_FULL.
 */
export async function checkOut(dest: string, force: boolean): Promise<void> {
  await told(dest, async () => (await Destination.at(dest, await planTree('folder', []), force)).try())
}

async function told(dest: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw explainDest(error, dest, 'nothing was written')
  }
}

function notTaken(dest: string, path: string): BushelError {
  return new BushelError(
    'BAD_DEST',
    `the disk of '${dest}' does not take the name ${JSON.stringify(path.slice(0, 80))}; nothing was written`,
    'choose a destination on another disk'
  )
}

function unsafe(why: string, path: string): BushelError {
  return new BushelError(
    'UNSAFE_OUTPUT',
    `the job's output cannot be written: it has ${why}, such as ${JSON.stringify(path.slice(0, 80))}`,
    'nothing was written'
  )
}
