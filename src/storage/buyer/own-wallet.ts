import { setTimeout as pause } from 'node:timers/promises'
import { BushelError } from '../../../contracts/errors/error.js'

/** Our own Lightning node is away; it may be back soon. */
const AWAY = new Set(['WALLET_GONE', 'WALLET_TIMEOUT', 'WALLET_UNREACHABLE'])

/** What is wrong on our own side: no other provider would mend it, and none is to blame. */
const OURS = new Set([
  ...AWAY,
  'CLOSED',
  'JOURNAL_FAILED',
  'NO_BALANCE',
  'OVER_LIMIT',
  'WALLET_BUSY',
  'WALLET_CLOSED',
  'WALLET_CORRUPT',
  'WALLET_FAILED',
  'WALLET_SYNCING',
  'WRONG_NETWORK',
  'WRONG_NODE'
])

/** Between two questions whether it is back, ms. */
const AGAIN = 500

export function isOurs(error: unknown): boolean {
  return error instanceof BushelError && OURS.has(error.code)
}

/**
 * Does what needs our own Lightning node, again and again while that is away, for at most `patienceMs`. Only for work
 * that may be begun anew, as a payment on the same hash.
 */
export async function whenBack<T>(
  work: () => Promise<T>,
  timeoutMs: number,
  signal?: AbortSignal
): Promise<T> {
  for (const until = performance.now() + timeoutMs; ;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof BushelError) || !AWAY.has(error.code) || performance.now() >= until) throw error
    }
    await pause(AGAIN).then(() => signal?.throwIfAborted())
  }
}
