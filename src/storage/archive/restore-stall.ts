import type Hypercore from 'hypercore'
import { BushelError } from '../../../contracts/errors/error.js'
import { MIB } from '../../../contracts/money/quantity.js'
import { diskFull, freeBytes } from '../../files/disk.js'

/** How often a restore looks whether it still gets anything, and at the disk, ms. */
const WATCH_INTERVAL = 1000
/** Below this much free disk nothing more is fetched. */
export const DISK_FLOOR = 64 * MIB

export interface StallOptions {
  cores: readonly Hypercore[]
  /** Where what comes is kept. */
  folder: string
  connections: () => number
  /** Aborted with STALLED or DISK_FULL. */
  stop: AbortController
  stallTimeout: number
  /** False while nothing is asked for. */
  waits: () => boolean
}

/** Runs work that needs blocks from others; aborts `stop` when none comes for too long, or the disk gets full. */
export async function unlessStalled<T>(
  work: () => Promise<T>,
  { cores, folder, connections, stop, stallTimeout, waits }: StallOptions
): Promise<T> {
  let last = Date.now()
  const ondownload = (): void => void (last = Date.now())
  for (const core of cores) core.on('download', ondownload)
  const look = async (): Promise<void> => {
    if (!waits()) last = Date.now()
    if (Date.now() - last > stallTimeout) stop.abort(stalled(stallTimeout, connections()))
    if ((await freeBytes(folder)) < DISK_FLOOR) {
      stop.abort(diskFull(`the disk of '${folder}' is full: what is fetched is kept`))
    }
  }
  const timer = setInterval(
    () => {
      look().catch((error: unknown) => stop.abort(error))
    },
    Math.min(WATCH_INTERVAL, stallTimeout)
  )
  try {
    return await work()
  } finally {
    clearInterval(timer)
    for (const core of cores) core.off('download', ondownload)
  }
}

function stalled(timeout: number, connections: number): BushelError {
  return new BushelError(
    'STALLED',
    `nothing more came for ${Math.round(timeout / 1000)} s from ${connections} connection(s); what came is kept`,
    'run it again: it goes on where it stopped'
  )
}
