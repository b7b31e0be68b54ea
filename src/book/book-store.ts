import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import Corestore from 'corestore'
import Rache from 'rache'
import { BushelError } from '../../contracts/errors/error.js'
import { MIB } from '../../contracts/money/quantity.js'
import { CoreStorage } from '../base/disk/core-storage.js'
import { localWriter } from './log/log.js'

/** What is written is kept in memory, and a second time in a log on disk, until it is so much. */
const WRITE_BUFFER = 4 * MIB
/** Nodes of the trees of all markets in memory; by default 65,536 for each tree, which is a hundred MB for each market. */
export const MOST_CACHED = 8192

/**
 * A store for very many small blocks. By default 64 MiB are kept in memory and in the log before anything is written to a
 * table, so that memory and disk of a node would grow for days; and what was cleared would stay in files of 256 MiB.
 */
function openStore(folder: string, { allowBackup = false } = {}): Corestore {
  return new Corestore(
    new CoreStorage(folder, {
      allowBackup,
      writeBufferSize: WRITE_BUFFER,
      blobFileSize: WRITE_BUFFER,
      blobGarbageCollectionAgeCutOff: 1,
      blobGarbageCollectionForceThreshold: 0.5,
      maxOpenFiles: 64
    }),
    { globalCache: new Rache({ maxSize: MOST_CACHED }) }
  )
}

/**
 * Opens the store of all books in a folder. A copied folder, such as a restored backup, may be opened when this node only
 * reads its markets. A copy with a writer is refused with BOOK_COPIED: a second writer with the same key, or an old state
 * of it, would fork the market for everybody.
 */
export async function openBookStore(folder: string, namespaces: readonly string[]): Promise<Corestore> {
  const store = openStore(folder)
  try {
    await store.ready()
    return store
  } catch (error) {
    if ((error as { code?: string }).code !== 'DEVICE_FILE') throw error
  }
  const copy = openStore(folder, { allowBackup: true })
  try {
    await copy.ready()
    for (const namespace of namespaces) if (await hasWritten(copy.namespace(namespace))) throw copied(folder)
  } finally {
    await copy.close()
  }
  await rm(join(folder, DEVICE_FILE), { force: true })
  const own = openStore(folder)
  await own.ready()
  return own
}

/** The file that ties a store to the disk on which it was created. */
const DEVICE_FILE = 'CORESTORE'

async function hasWritten(store: Corestore): Promise<boolean> {
  const own = localWriter(store)
  try {
    await own.ready()
    return own.length > 0
  } finally {
    await own.close()
  }
}

function copied(folder: string): BushelError {
  return new BushelError(
    'BOOK_COPIED',
    `${folder} was copied from another place, and this node writes to a market with it: two nodes that write with one key would break the market; nothing was changed`,
    `if this is the newest copy and no node runs on another one, delete ${join(folder, DEVICE_FILE)} and start again`
  )
}
