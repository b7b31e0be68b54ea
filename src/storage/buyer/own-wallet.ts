import { BushelError } from '../../../contracts/errors/error.js'
import { Backoff } from '../../base/backoff.js'
import { Stall, pause } from '../../base/timeouts.js'
import { isWalletAway } from '../../lightning/away.js'

/** ms between two tries. */
const AGAIN = 500
/** The same while a route is missing: a node that starts again, or a channel that is full. */
const NEXT_ROUTE = { first: 500, last: 10_000 }

/**
 * Retries work that needs our own Lightning node while that is unreachable, for at most `patienceMs`. Only for work that
 * can be repeated safely, such as a payment on the same hash.
 */
export async function whenBack<T>(
  work: () => Promise<T>,
  timeoutMs: number,
  signal?: AbortSignal
): Promise<T> {
  for (const stall = new Stall(timeoutMs); ;) {
    try {
      return await work()
    } catch (error) {
      if (!isWalletAway(error) || stall.isStalled) throw error
    }
    await pause(AGAIN, signal)
  }
}

/**
 * Retries a payment while there is no route to the payee, for at most `timeoutMs`: its Lightning node may be starting again,
 * or a channel between may be full or away for some seconds. Only for a payment on one hash, which is made once.
 */
export async function whenRouted<T>(
  work: () => Promise<T>,
  timeoutMs: number,
  signal?: AbortSignal
): Promise<T> {
  const backoff = new Backoff(NEXT_ROUTE)
  for (const stall = new Stall(timeoutMs); ;) {
    try {
      return await work()
    } catch (error) {
      if (!isRouteMissing(error) || stall.isStalled) throw error
    }
    await pause(backoff.next(), signal)
  }
}

/** True when the payee's node could not be reached by a payment: nothing was paid, and nobody is to blame. */
export function isRouteMissing(error: unknown): error is BushelError {
  return error instanceof BushelError && error.code === 'NO_ROUTE'
}
