import { BushelError } from '../../../contracts/errors/error.js'
import { systemClock } from '../../base/clock.js'
import type { Clock } from '../../base/clock.js'
import { Stall, pause } from '../../base/timeouts.js'

export interface SpareOptions<S extends { name: string }> {
  /** Of the seller that works now. */
  name: string
  signal: AbortSignal
  /** How long a seller is waited for that says nothing, ms; longer for work that took longer so far, as it is begun anew. */
  silentMs: number
  /** Agrees with another seller; null when there is none. Pays nothing. */
  agree: () => Promise<S | null>
  /** Ends the agreement with a seller that is not needed. */
  drop: (spare: S) => Promise<void>
  clock?: Clock | undefined
}

/** The seller that takes the place of one that fell silent, and the error for that one. */
export interface Replaced<S> {
  by: S
  error: BushelError
}

/**
 * Works with one seller until that is done, then resolves with null. A seller that says nothing may be slow, or our own
 * network may be gone; that another one agrees meanwhile tells them apart. Then the work is stopped, and this resolves
 * with the other seller. `work` calls `onnews` whenever the seller did something. Rejects as the work does.
 */
export async function doneOrReplaced<S extends { name: string }>(
  work: (stop: AbortSignal, onnews: () => void) => Promise<unknown>,
  { name, signal, silentMs, agree, drop, clock = systemClock }: SpareOptions<S>
): Promise<Replaced<S> | null> {
  const begun = clock.monotonic()
  const silence = (): Stall => new Stall(Math.max(silentMs, clock.monotonic() - begun), clock)
  let stall = silence()
  const left = new AbortController()
  const ended = new AbortController()
  const working = work(AbortSignal.any([signal, left.signal]), () => void (stall = silence())).finally(() =>
    ended.abort()
  )
  working.catch(() => undefined) // awaited below, perhaps later
  while (!ended.signal.aborted) {
    await pause(silentMs / 4, ended.signal, clock).catch(() => undefined)
    if (ended.signal.aborted || !stall.isStalled) continue
    const by = await agree()
    if (by === null) break
    if (ended.signal.aborted || !stall.isStalled) {
      await drop(by)
      continue
    }
    const error = new BushelError('STALLED', `${name} no longer answers, and ${by.name} does`)
    left.abort(error)
    await working.catch(() => undefined)
    return { by, error }
  }
  await working
  return null
}
