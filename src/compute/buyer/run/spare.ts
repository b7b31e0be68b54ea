import { BushelError } from '../../../../contracts/errors/error.js'
import { systemClock } from '../../../base/clock.js'
import type { Clock } from '../../../base/clock.js'
import { Stall, pause } from '../../../base/timeouts.js'
import type { Replica } from './replica.js'
import type { RunListener } from './run-types.js'

export interface SpareOptions {
  listener: RunListener
  signal: AbortSignal
  /** After so long without an answer another provider is asked, ms. */
  silentMs: number
  /** Agrees with another provider; null when there is none. Pays nothing. */
  hire: () => Promise<Replica | null>
  /** Ends the agreement with a provider that is not needed. */
  drop: (spare: Replica) => Promise<void>
  clock?: Clock | undefined
}

/** The error for a provider that has fallen silent, and the one that takes its place. */
export interface Replaced {
  error: BushelError
  by: Replica
}

/**
 * Resolves with null once the replica has committed to a result. A provider that does not answer may be slow, or our own
 * network may be gone; that another one agrees to the job meanwhile tells them apart. Then the first one is left, and this
 * resolves with the other. Rejects as the replica does.
 */
export async function committedOrReplaced(
  replica: Replica,
  { listener, signal, silentMs, hire, drop, clock = systemClock }: SpareOptions
): Promise<Replaced | null> {
  const silence = new Stall(silentMs, clock)
  const left = new AbortController()
  const ended = new AbortController()
  const answered = replica
    .commit(listener, AbortSignal.any([signal, left.signal]), () => void silence.moved())
    .finally(() => ended.abort())
  answered.catch(() => undefined) // awaited below, perhaps later
  while (!ended.signal.aborted) {
    await pause(silentMs / 4, ended.signal, clock).catch(() => undefined)
    if (ended.signal.aborted || !silence.isStalled) continue
    const by = await hire()
    if (!by) break
    if (ended.signal.aborted || !silence.isStalled) {
      await drop(by)
      continue
    }
    const error = new BushelError('STALLED', `${replica.name}: it no longer answers, and ${by.name} does`)
    left.abort(error)
    await answered.catch(() => undefined)
    return { error, by }
  }
  await answered
  return null
}
