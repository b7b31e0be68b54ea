import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import type { Stats } from 'node:fs'
import { copyFile, link, lstat, mkdir, open, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { KIB } from '../../contracts/money/quantity.js'
import { codeOf, removeFolder } from './disk.js'
import { MAX_NAME } from './tree-bounds.js'

const SUFFIX = '.bushel-part'
/** What is written to find out whether a destination can be written. */
const PROBE = 64 * KIB

/** The file, folder or link at a path, without following a link; null when there is none. */
export async function look(path: string): Promise<Stats | null> {
  return lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  })
}

/**
 * The folder in which a tree is written before it is moved to `dest`. It is beside `dest`, but inside a folder that is
 * there already: that may be a mount point, or its parent may be read-only. A folder that an earlier run has left beside it
 * is used again. `isTaken` says which names the tree needs itself.
 */
export async function partFor(
  dest: string,
  root: 'file' | 'folder',
  isTaken: (name: string) => boolean
): Promise<string> {
  const name = `${basename(dest)}${SUFFIX}`
  const fits = Buffer.byteLength(name) <= MAX_NAME
  const beside = join(dirname(dest), fits ? name : shortName(dest))
  const standing = await look(dest)
  if (root === 'file' || !standing?.isDirectory() || (await look(beside))) return beside
  let inside = SUFFIX
  while (isTaken(inside)) inside += '-'
  return join(dest, inside)
}

/** A name for a part of this path that fits whatever the length of its own. */
function shortName(path: string): string {
  return `${SUFFIX}-${createHash('sha256').update(basename(path)).digest('hex').slice(0, 32)}`
}

/** Writes a little into a part and removes it again. Throws the error of the system. */
export async function tryPart(part: string): Promise<void> {
  const parent = dirname(part)
  const made = await mkdir(parent, { recursive: true })
  try {
    const isThere = (await look(part)) !== null // left by an earlier run, which goes on from it
    const probe = isThere ? join(part, `${SUFFIX}-try`) : part
    await mkdir(probe, { recursive: isThere })
    try {
      await writeFile(join(probe, 'try'), Buffer.alloc(PROBE), { flush: true })
    } finally {
      await removeFolder(probe)
    }
  } finally {
    if (made !== undefined) await removeEmpty(parent, made)
  }
}

/** Removes empty folders from `folder` up to `top`; one that is used meanwhile stays. */
async function removeEmpty(folder: string, top: string): Promise<void> {
  for (let at = folder; ; at = dirname(at)) {
    const isRemoved = await rmdir(at).then(
      () => true,
      () => false
    )
    if (!isRemoved || at === top) return
  }
}

/**
 * Moves a file to a path that does not exist. Returns false, and moves nothing, when the path exists: it appeared meanwhile.
 */
export async function moveNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to) // fails if the path exists
    await rm(from)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    // another mount, or a disk without hard links
    if (!['EXDEV', 'EPERM', 'ENOTSUP'].includes(codeOf(error))) throw error
  }
  if (await look(to)) return false
  await moveOver(from, to)
  return true
}

/** Moves a file to a path, over what is there. On another mount the path shows the whole file or what was there before. */
export async function moveOver(from: string, to: string): Promise<void> {
  try {
    return await rename(from, to)
  } catch (error) {
    if (codeOf(error) !== 'EXDEV') throw error
  }
  const fresh = join(dirname(to), shortName(to))
  await rm(fresh, { force: true, recursive: true })
  await copyFile(from, fresh, constants.COPYFILE_EXCL)
  const handle = await open(fresh, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(fresh, to)
  await rm(from)
}
