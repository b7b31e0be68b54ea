import { BushelError, isPassing as isOfKindPassing } from '../../../contracts/errors/error.js'
import { isDeclined } from '../../deal/decline.js'

/** True when the connection was lost. */
export function isGone(error: unknown): boolean {
  return error instanceof BushelError && (error.code === 'PEER_GONE' || error.code === 'PEER_UNREACHABLE')
}

/** True when the connection or the answer was lost. */
export function isLost(error: unknown): boolean {
  return isGone(error) || (error instanceof BushelError && error.code === 'TIMEOUT')
}

/** True for an error that a retry may not meet again. */
export function isPassing(error: unknown): boolean {
  return isOfKindPassing(error) || isDeclined(error, 'NOT_RECEIVED')
}
