import { BushelError } from '../../../contracts/errors/error.js'

const KEPT = 'free some space on the disk and start the node again; earlier records are kept'

const FORBIDDEN: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS'])

/** The disk refused a write. */
export function storeFailed(folder: string, cause: unknown): BushelError {
  const isForbidden = cause instanceof Error && 'code' in cause && FORBIDDEN.has(cause.code)
  return new BushelError(
    'STORE_FAILED',
    `${folder} cannot be written: ${reasonOf(cause)}`,
    isForbidden ? 'nothing was changed; make the home writable, or give another one with --home DIR' : KEPT
  ).withCause(cause)
}

export function diskFull(folder: string, cause?: unknown): BushelError {
  return new BushelError(
    'DISK_FULL',
    `the disk of ${folder} is full; nothing was changed`,
    'free some space and start again'
  ).withCause(cause)
}

/** Something on disk is not what was written there. */
export function badStore(folder: string, what: string, cause?: unknown): BushelError {
  return new BushelError(
    'BAD_STORE',
    `${folder} is damaged: ${what}`,
    'nothing was changed; restore the folder from a copy'
  ).withCause(cause)
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
