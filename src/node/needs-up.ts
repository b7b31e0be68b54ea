import { BushelError } from '../../contracts/errors/error.js'

/** For what only `bushel up` does. */
export function needsUp(): BushelError {
  return new BushelError('NOT_RUNNING', 'this needs a running node', 'start one with: bushel up')
}
