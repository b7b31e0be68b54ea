import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import HypercoreStorage from 'hypercore-storage'
import type { StorageOptions } from 'hypercore-storage'

/** Bytes on disk from which on the log of an open database is emptied. */
const MOST_LOG = 64 * 1024
/** How often the logs are looked at, ms. */
const LOOKS = 60_000
/** Bytes of a block of a file, as the system counts them. */
const BLOCK = 512

const open = new Set<CoreStorage>()
let timer: NodeJS.Timeout | null = null

/**
 * The database of a Corestore, without the log that RocksDB writes about itself: 45 KiB at each opening, 5 KiB for each
 * compaction, without end and with no option that turns it off. Nobody reads it.
 */
export class CoreStorage extends HypercoreStorage {
  readonly folder: string

  constructor(folder: string, options: StorageOptions) {
    dropLogs(folder)
    super(folder, options)
    this.folder = folder
    open.add(this)
    timer ??= setInterval(trimLogs, LOOKS).unref()
  }

  override async close(): Promise<void> {
    await super.close()
    if (!open.delete(this)) return
    dropLogs(this.folder)
    if (open.size > 0 || !timer) return
    clearInterval(timer)
    timer = null
  }
}

/** Gives the disk of the logs of open databases back: RocksDB writes on where it was, and what is before that is a hole. */
export function trimLogs(): void {
  for (const { folder } of open) {
    const path = join(folder, 'db', 'LOG')
    const found = statSync(path, { throwIfNoEntry: false })
    if (found && found.blocks * BLOCK > MOST_LOG) truncateSync(path)
  }
}

/** No database is open in the folder. */
function dropLogs(folder: string): void {
  const db = join(folder, 'db')
  for (const name of namesIn(db))
    if (name === 'LOG' || name.startsWith('LOG.old.')) rmSync(join(db, name), { force: true })
}

/** None where there is no such folder. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
