import { ERROR_CODES, EXIT_CODES, exitCodesText } from '../../exit-codes.js'
import type { Action } from '../../invocation.js'

/** Prints the exit codes. (Help on a command is printed by the program itself.) */
export const run: Action = ({ output }) => {
  output.print({ exitCodes: EXIT_CODES, errorCodes: ERROR_CODES }, exitCodesText)
  return Promise.resolve()
}
