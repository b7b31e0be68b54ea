import { ERRORS, EXIT, isErrorCode } from './error-table.js'
import type { ErrorCode, ErrorKind, Exit } from './error-table.js'

/** An error as it crosses to another process, and as `--json` prints it. */
export interface BushelErrorShape {
  code: string
  exit: Exit
  message: string
  hint: string
}

/**
 * An error that a person or a program meets. `code` is a stable word such as `NO_OFFER`, from which the exit code and
 * the kind follow; `message` is one line that says what is wrong and what was kept, `hint` what to do next.
 */
export class BushelError extends Error {
  readonly code: ErrorCode
  readonly hint: string

  constructor(code: ErrorCode, message: string, hint = '', options?: ErrorOptions) {
    super(message, options)
    this.name = 'BushelError'
    this.code = code
    this.hint = hint
  }

  get exit(): Exit {
    return ERRORS[this.code].exit
  }

  get kind(): ErrorKind {
    return ERRORS[this.code].kind
  }

  withCause(cause: unknown): this {
    this.cause = cause
    return this
  }

  toJSON(): BushelErrorShape {
    return { code: this.code, exit: this.exit, message: this.message, hint: this.hint }
  }

  /**
   * The error that another process has sent. A code that is not in our table comes from another version: it becomes the
   * general code of its exit code, and stands in the message.
   */
  static from({ code, exit, message, hint }: BushelErrorShape): BushelError {
    if (isErrorCode(code)) return new BushelError(code, message, hint)
    return new BushelError(GENERAL[exit] ?? 'FAILED', `${message} (${code})`, hint)
  }
}

const GENERAL: Partial<Record<Exit, ErrorCode>> = {
  [EXIT.badInput]: 'BAD_INPUT',
  [EXIT.notFound]: 'NOT_FOUND',
  [EXIT.noOffer]: 'NO_OFFER',
  [EXIT.payment]: 'PAYMENT_FAILED',
  [EXIT.interrupted]: 'INTERRUPTED'
}

const OWN: ReadonlySet<ErrorKind> = new Set(['input', 'ours', 'bug'])

/** True for trouble of our own, which no other peer can help with: also what a library or our own code has thrown. */
export function isOurs(error: unknown): boolean {
  return !(error instanceof BushelError) || OWN.has(error.kind)
}

/** True for what a peer did wrong, and is remembered for. */
export function isBlamed(error: unknown): error is BushelError {
  return error instanceof BushelError && error.kind === 'peer'
}

/** True for what may not happen to the same step again. */
export function isPassing(error: unknown): error is BushelError {
  return error instanceof BushelError && error.kind === 'passing'
}
