import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** RocksDB leaves a log of 40 KiB behind with each opening, up to a thousand of them. Call before a store is opened. */
export function dropOldLogs(folder: string): void {
  const db = join(folder, 'db')
  if (!existsSync(db)) return
  for (const name of readdirSync(db)) if (name.startsWith('LOG.old.')) rmSync(join(db, name), { force: true })
}
