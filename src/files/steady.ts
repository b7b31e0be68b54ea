import type { BigIntStats } from 'node:fs'
import { pause } from '../base/timeouts.js'
import { permissionsOf } from './modes.js'

/** How often a file that changes while it is read is read again, and the wait before, ms. */
export const MOST_READS = 3
export const READ_AGAIN = 200
/**
 * A file that was written this recently, ms, is looked at again: the clock of a file system ticks every few ms, so that a
 * write right after a look may leave no trace in the times.
 */
const FRESH = 50

/** What tells whether a file was written: its size and its times. */
export interface FileState {
  size: number
  /** Permission bits. */
  mode: number
  mtimeNs: bigint
  ctimeNs: bigint
}

/** The state of an open file before it is read; `stat` is called again when the file was written just now. */
export async function stateBefore(stat: () => Promise<BigIntStats>): Promise<FileState | null> {
  let stats = await stat()
  const age = Date.now() - Number(stats.ctimeMs)
  if (age >= 0 && age < FRESH) {
    await pause(FRESH)
    stats = await stat()
  }
  return stats.isFile() ? stateOf(stats) : null
}

function stateOf({ size, mode, mtimeNs, ctimeNs }: BigIntStats): FileState {
  return { size: Number(size), mode: permissionsOf(Number(mode)), mtimeNs, ctimeNs }
}

/** Whether nobody wrote a file since `before`; the length alone does not tell. */
export function isUnchanged(before: FileState, stats: BigIntStats): boolean {
  const after = stateOf(stats)
  return after.size === before.size && after.mtimeNs === before.mtimeNs && after.ctimeNs === before.ctimeNs
}
