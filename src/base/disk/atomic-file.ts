import fs from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { KeyedMutex } from '../mutex.js'

/** Name of a file until it is complete; the process id keeps two processes from writing the same file. */
const unfinished = (file: string): string => `${file}.${process.pid}.new`
const UNFINISHED = /\.(\d+)\.new$/
/** Keeps two writes of one process apart. */
const mutex = new KeyedMutex()
const underWay = new Set<string>()

/** Writes a file that only its owner can read; its content is on disk when it resolves, its name after `syncFolder`. */
export async function writeDurably(file: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Replaces a file atomically: a reader, also after a kill or a loss of power, finds the old or the new content. The new
 * content is on disk when it resolves; the old one remains when it rejects.
 */
export function replaceDurably(file: string, content: string | Uint8Array): Promise<void> {
  return mutex.run(file, async () => {
    const fresh = unfinished(file)
    underWay.add(resolve(fresh))
    try {
      await writeDurably(fresh, content)
      await rename(fresh, file)
    } catch (error) {
      await rm(fresh, { force: true })
      throw error
    } finally {
      underWay.delete(resolve(fresh))
    }
    await syncFolder(dirname(file))
  })
}

/** Replaces a file synchronously; must not run during another write of that file. */
export function replaceDurablySync(file: string, content: string | Uint8Array): void {
  const fresh = unfinished(file)
  try {
    fs.writeFileSync(fresh, content, { mode: 0o600, flush: true })
    fs.renameSync(fresh, file)
  } catch (error) {
    fs.rmSync(fresh, { force: true })
    throw error
  }
  syncFolderSync(dirname(file))
}

/** Removes files that a kill left unfinished in this folder, if it exists; files that are being written stay. */
export async function removeUnfinished(folder: string): Promise<void> {
  for (const name of fs.existsSync(folder) ? await readdir(folder) : []) {
    const pid = Number(UNFINISHED.exec(name)?.[1] ?? NaN)
    if (Number.isNaN(pid)) continue
    const path = join(folder, name)
    const isWritten = pid === process.pid ? underWay.has(resolve(path)) : isAlive(pid)
    if (!isWritten) await rm(path, { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // it runs as another user
  }
}

/** Puts the names in a folder on disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export function syncFolderSync(folder: string): void {
  const fd = fs.openSync(folder, 'r')
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}
