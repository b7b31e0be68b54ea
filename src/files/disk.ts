import { lstat, readdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { BushelError } from '../../contracts/errors/error.js'
import { formatSize } from '../../contracts/money/quantity.js'

/** Bytes that may still be written to the disk under `folder`. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** Bytes of disk that `folder` and all in it occupy, in whole disk blocks; what vanishes meanwhile counts nothing. */
export async function occupiedBytes(folder: string): Promise<number> {
  let bytes = 0
  const children = await readdir(folder, { withFileTypes: true }).catch(orNothing([]))
  for (const child of children) {
    const path = join(folder, child.name)
    if (child.isDirectory()) bytes += await occupiedBytes(path)
    else bytes += await lstat(path).then(stats => stats.blocks * 512, orNothing(0))
  }
  return bytes
}

/** Only a file that is gone is nothing. */
function orNothing<T>(nothing: T): (error: unknown) => T {
  return error => {
    if (codeOf(error) === 'ENOENT') return nothing
    throw error
  }
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Errors of a full disk become one clear line that says what was kept; all others stay as they are. */
export function explainFull(error: unknown, where: string, kept: string): unknown {
  const code = codeOf(error)
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error
  return diskFull(`the disk of '${where}' is full: ${kept}`).withCause(error)
}

export function diskFull(message: string): BushelError {
  return new BushelError('DISK_FULL', message, 'make room and run it again: it goes on where it stopped')
}

/** Throws when `folder` has not room for `bytes` more. */
export async function assertRoom(folder: string, bytes: number): Promise<void> {
  const free = await freeBytes(folder)
  if (free < bytes) {
    throw diskFull(`'${folder}' has ${formatSize(free)} free, and ${formatSize(bytes)} are needed`)
  }
}
