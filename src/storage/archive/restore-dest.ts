import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { codeOf } from '../../files/disk.js'
import type { DrivePlan } from './restore-plan.js'

/** A destination folder may be reached through a link; the file or folder itself is never one. */
export async function finalPath(dest: string, plan: DrivePlan): Promise<string> {
  const path = resolve(dest)
  const whole = plan.root === 'folder' && (await isFolder(path)) ? path : dirname(path)
  const real = await realpath(whole).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return whole // it is made when it is needed
    throw error
  })
  return whole === path ? real : join(real, basename(path))
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    stats => stats.isDirectory(),
    () => false // what it is instead is seen, and said, when it is surveyed
  )
}
