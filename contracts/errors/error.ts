import { ERRORS, EXIT, isErrorCode } from './error-table.js'
import type { ErrorCode, ErrorKind, Exit } from './error-table.js'

/** An error as it is sent to another process and as `--json` prints it. */
export interface BushelErrorShape {
  code: string
  exit: Exit
  message: string
  hint: string
}

/**
 * An error for users and scripts. `code` is a stable word such as `NO_OFFER` and determines exit code and kind. `message`
 * is one line that says what is wrong and what was kept; `hint` says what to do next.
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
   * The error that another process sent. A code that is not in our table comes from another version of Bushel: it is
   * replaced by the general code for its exit code and appended to the message.
   */
  static from({ code, exit, message, hint }: BushelErrorShape): BushelError {
    if (isErrorCode(code)) return new BushelError(code, message, hint)
    return new BushelError(GENERAL[exit] ?? 'FAILED', `${message} (${code})`, hint)
  }
}

/** The general error code for each exit code. */
const GENERAL: Partial<Record<Exit, ErrorCode>> = {
  [EXIT.badInput]: 'BAD_INPUT',
  [EXIT.notFound]: 'NOT_FOUND',
  [EXIT.noOffer]: 'NO_OFFER',
  [EXIT.payment]: 'PAYMENT_FAILED',
  [EXIT.interrupted]: 'INTERRUPTED'
}

/** True for an error, or one with a cause, of the operating system that says that a disk, or our part of it, is full. */
export function isDiskFull(error: unknown): boolean {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown }
  return code === 'ENOSPC' || code === 'EDQUOT' || (cause !== undefined && isDiskFull(cause))
}

/** What the operating system or a library could not do, as it is told to a user: FAILED, or DISK_FULL. */
export function failed(error: unknown): BushelError {
  const message = error instanceof Error ? error.message : String(error)
  const told = isDiskFull(error)
    ? new BushelError(
        'DISK_FULL',
        `the disk is full: ${message}`,
        'free some space and do it again; what was recorded is kept'
      )
    : new BushelError('FAILED', message, hintFor(message))
  return told.withCause(error)
}

/** RocksDB says no more than that it did not write. */
function hintFor(message: string): string {
  return message.includes('Batch was not applied') ? 'see whether the disk is full' : ''
}

const OWN: ReadonlySet<ErrorKind> = new Set(['input', 'ours', 'bug'])

/** True for a fault of this node or its user, which trying another peer cannot fix; also for any error of a library. */
export function isOurs(error: unknown): boolean {
  return !(error instanceof BushelError) || OWN.has(error.kind)
}

/** True for a fault of a peer, which the node remembers. */
export function isBlamed(error: unknown): error is BushelError {
  return error instanceof BushelError && error.kind === 'peer'
}

/** True for an error that nobody caused; the same step may succeed later. */
export function isPassing(error: unknown): error is BushelError {
  return error instanceof BushelError && error.kind === 'passing'
}
