import type Hypercore from 'hypercore'
import { BushelError } from '../../../contracts/errors/error.js'
import { MIB } from '../../../contracts/money/quantity.js'
import type { Clock } from '../../base/clock.js'
import { Poller } from '../../base/poller.js'
import { Stall } from '../../base/timeouts.js'
import type { Refusal } from '../../network/read-proofs.js'
import { diskFull, freeBytes } from '../../files/disk.js'

/** How often a restore looks whether it still gets anything, and at the disk, ms. */
const WATCH_INTERVAL = 1000
/** Where all peers have said that they do not serve it, others have this long to come, ms. */
const REFUSED_WAIT = 10_000
/** Below this much free disk nothing more is fetched. */
export const DISK_FLOOR = 64 * MIB

export interface StallOptions {
  cores: readonly Hypercore[]
  /** Where what comes is kept. */
  folder: string
  connections: () => number
  /** Why peers have said that they do not serve it. */
  refusals: () => readonly Refusal[]
  /** Whether others are connected that have some of it. */
  hasOthers: () => boolean
  /** Aborted with STALLED or DISK_FULL. */
  stop: AbortController
  stallTimeout: number
  /** False while nothing is asked for. */
  waits: () => boolean
  clock?: Clock
}

/** Runs work that needs blocks from others; aborts `stop` when none comes for too long, or the disk gets full. */
export async function unlessStalled<T>(
  work: () => Promise<T>,
  { cores, folder, connections, refusals, hasOthers, stop, stallTimeout, waits, clock }: StallOptions
): Promise<T> {
  const stall = new Stall(stallTimeout, clock)
  const alone = new Stall(Math.min(REFUSED_WAIT, stallTimeout), clock)
  const ondownload = (): void => void stall.moved()
  for (const core of cores) core.on('download', ondownload)
  const look = async (): Promise<void> => {
    if (!waits()) stall.moved()
    if (!waits() || refusals().length === 0 || hasOthers()) alone.moved()
    if (alone.isStalled) stop.abort(allRefused(refusals()))
    if (stall.isStalled) stop.abort(stalled(stallTimeout, connections()))
    if ((await freeBytes(folder)) < DISK_FLOOR) {
      stop.abort(diskFull(`the disk of '${folder}' is full: what is fetched is kept`))
    }
  }
  const interval = Math.min(WATCH_INTERVAL, stallTimeout)
  const poller = new Poller({
    look,
    interval,
    keepAlive: true,
    onerror: error => stop.abort(error),
    ...(clock ? { clock } : {})
  })
  void poller.start(interval)
  try {
    return await work()
  } finally {
    await poller.close()
    for (const core of cores) core.off('download', ondownload)
  }
}

function allRefused(refusals: readonly Refusal[]): BushelError {
  const isOver = refusals.includes('over')
  return new BushelError(
    'STALLED',
    `${refusalNote(refusals)}, and nobody else has the rest; what came is kept`,
    isOver
      ? 'a lease in its grace is served again when its buyer pays: run it again then'
      : 'its owner can still restore it, on the device that bought it; readers can once the mirror is extended and its next lease begins'
  )
}

/** In plain words why providers serve nothing more of a drive. */
export function refusalNote(refusals: readonly Refusal[]): string {
  const said: [Refusal, string][] = [
    ['spent', 'what readers may fetch under the lease is spent'],
    ['over', 'the paid time of the lease is over']
  ]
  return said
    .map(([why, note]) => ({ note, count: refusals.filter(one => one === why).length }))
    .filter(({ count }) => count > 0)
    .map(({ note, count }) => `${note} at ${count} provider${count === 1 ? '' : 's'}`)
    .join(', and ')
}

function stalled(timeout: number, connections: number): BushelError {
  return new BushelError(
    'STALLED',
    `nothing more came for ${Math.round(timeout / 1000)} s from ${connections} connection(s); what came is kept`,
    'run it again: it goes on where it stopped'
  )
}
