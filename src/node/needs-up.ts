import { BushelError } from '../../contracts/errors/error.js'

/** The error of a call that only `bushel up` can serve. */
export function needsUp(): BushelError {
  return new BushelError('NOT_RUNNING', 'this needs a running node', 'start one with: bushel up')
}
