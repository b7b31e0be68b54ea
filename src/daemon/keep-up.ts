import { BushelError } from '../../contracts/errors/error.js'
import { pause, unlessAborted } from '../base/timeouts.js'

/** How long a disk that refused a change is left alone, ms. */
const WAIT = 10_000

export interface Kept {
  ready(): Promise<void>
  close(): Promise<void>
}

export interface KeepUpOptions<T extends Kept> {
  /** Makes a daemon that is not open; it calls `onfailed` when it cannot go on. */
  make: (onfailed: (error: BushelError) => void) => T
  /** Called each time that it is up. */
  onup: (daemon: T) => Promise<void>
  /** Called when it is down because of this, and will be started again. */
  ondown: (why: BushelError) => void
  signal: AbortSignal
  waitMs?: number
}

/**
 * Runs a daemon until `signal`. When the disk refuses a change the daemon is closed and started again, as after a kill, for
 * what it holds in memory may differ from what is on disk; a disk that was full for a moment must not stop a node for good.
 * Rejects when it cannot be started the first time.
 */
export async function keepUp<T extends Kept>(options: KeepUpOptions<T>): Promise<void> {
  const { make, onup, ondown, signal, waitMs = WAIT } = options
  for (let starts = 0; ; starts++) {
    let fail: (error: BushelError) => void = () => undefined
    const failed = new Promise<BushelError>(resolve => (fail = resolve))
    const daemon = make(fail)
    let why: BushelError | null = null
    try {
      await daemon.ready()
      signal.throwIfAborted()
      await onup(daemon)
      why = await unlessAborted(failed, signal).catch(() => null) // it ends because of the signal alone
    } catch (error) {
      if (starts === 0 || signal.aborted || !mayPass(error)) throw error
      why = error
    } finally {
      await daemon.close()
    }
    if (!why) return
    ondown(why)
    await pause(waitMs, signal).catch(() => undefined) // the signal is looked at next
    if (signal.aborted) return
  }
}

/** A command that runs meanwhile has the home for a moment. */
function mayPass(error: unknown): error is BushelError {
  return error instanceof BushelError && ['DISK_FULL', 'STORE_FAILED', 'ALREADY_RUNNING'].includes(error.code)
}
