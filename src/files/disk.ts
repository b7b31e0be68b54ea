import { lstat, readdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { BushelError, isDiskFull } from '../../contracts/errors/error.js'
import { formatSize } from '../../contracts/money/quantity.js'

/** Free bytes on the disk of `folder`, as a user without privileges can use them. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** Bytes of disk that the content of `folder` occupies, in whole disk blocks. Files that vanish meanwhile count as 0. */
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

/** Gives `nothing` for a file that does not exist, and throws every other error. */
export function orNothing<T>(nothing: T): (error: unknown) => T {
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

/** Turns an error of a full disk into DISK_FULL, whose message says what was kept; gives every other error back. */
export function explainFull(error: unknown, where: string, kept: string): unknown {
  if (!isDiskFull(error)) return error
  return diskFull(`the disk of '${where}' is full; ${kept}`).withCause(error)
}

/** Errors of the system that say that a destination cannot be written. */
const UNWRITABLE = new Set([
  ...['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENAMETOOLONG', 'EISDIR', 'ENOENT', 'EXDEV', 'EBUSY'],
  ...['ELOOP', 'EINVAL', 'EILSEQ', 'EFBIG', 'ENOTSUP', 'EIO', 'ENXIO', 'ENODEV', 'ESTALE', 'EMLINK', 'EEXIST']
])

/** Turns what keeps a destination from being written into BAD_DEST or DISK_FULL; gives every other error back. */
export function explainDest(error: unknown, dest: string, kept: string): unknown {
  if (error instanceof BushelError || !UNWRITABLE.has(codeOf(error))) return explainFull(error, dest, kept)
  return new BushelError(
    'BAD_DEST',
    `'${dest}' cannot be written: ${(error as Error).message}; ${kept}`,
    'choose another destination'
  ).withCause(error)
}

export function diskFull(message: string): BushelError {
  return new BushelError(
    'DISK_FULL',
    message,
    'free some space and run the command again: it continues where it stopped'
  )
}

/** Throws DISK_FULL when the disk of `folder` has less than `bytes` free. */
export async function assertRoom(folder: string, bytes: number): Promise<void> {
  const free = await freeBytes(folder)
  if (free < bytes) {
    throw diskFull(
      `the disk of '${folder}' has ${formatSize(free)} free, and ${formatSize(bytes)} are needed`
    )
  }
}
