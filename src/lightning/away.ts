import type { ErrorCode } from '../../contracts/errors/error-table.js'
import { BushelError } from '../../contracts/errors/error.js'

const AWAY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'WALLET_GONE',
  'WALLET_TIMEOUT',
  'WALLET_UNREACHABLE'
])

/** True when our own Lightning node did not answer and may be back soon. */
export function isWalletAway(error: unknown): error is BushelError {
  return error instanceof BushelError && AWAY.has(error.code)
}
