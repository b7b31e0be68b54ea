import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Writes a file that only its owner may read; it is on disk when it resolves. */
export async function writeDurably(file: string, content: string | Buffer): Promise<void> {
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Replaces a file at once: a reader, and a kill, find the old content or the new. */
export async function replaceDurably(file: string, content: string | Buffer): Promise<void> {
  const fresh = `${file}.${process.pid}.new`
  await writeDurably(fresh, content)
  await rename(fresh, file)
  await syncFolder(dirname(file))
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
