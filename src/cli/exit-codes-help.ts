import { ERROR_CODES, EXIT_CODES, exitCodesText } from './exit-codes.js'
import type { Action } from './invocation.js'

/** Prints the exit codes. The help of a command is printed by program.ts. */
export const run: Action = ({ output }) => {
  output.print({ exitCodes: EXIT_CODES, errorCodes: ERROR_CODES }, exitCodesText)
  return Promise.resolve()
}
