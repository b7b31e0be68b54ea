import { Stall, pause } from '../../base/timeouts.js'
import { isWalletAway } from '../../lightning/away.js'

/** ms between two tries. */
const AGAIN = 500

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
