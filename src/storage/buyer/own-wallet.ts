import { Stall, pause } from '../../base/timeouts.js'
import { isWalletAway } from '../../lightning/away.js'

/** Between two questions whether it is back, ms. */
const AGAIN = 500

/**
 * Does what needs our own Lightning node, again and again while that is away, for at most `patienceMs`. Only for work
 * that may be begun anew, as a payment on the same hash.
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
