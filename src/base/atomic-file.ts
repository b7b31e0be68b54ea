import fs from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { KeyedMutex } from './mutex.js'

/** Until it is whole a file has another name, which says whose it is: two processes never write into the same. */
const unfinished = (file: string): string => `${file}.${process.pid}.new`
const UNFINISHED = /\.(\d+)\.new$/
/** Nor do two writes of one process. */
const mutex = new KeyedMutex()
const underWay = new Set<string>()

/** Writes a file that only its owner may read; its content is on disk when it resolves, its name when its folder is. */
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
 * Replaces a file at once: a reader, and a kill or a loss of power, find the old content or the new. It is on disk when it
 * resolves; when it rejects, the old content stands.
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

/** The same without giving others a turn; not beside another write of that file. */
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

/** Removes what was left unfinished in this folder by a kill, if there is one; what is being written now stays. */
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
    return (error as NodeJS.ErrnoException).code === 'EPERM' // it is somebody else's
  }
}

/** A new name is on disk only when its folder is. */
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
