import { types } from 'node:util'

/**
 * An error that a library threw over data of others. Libraries of the Holepunch family take an assertion or a TypeError
 * for a mistake of the program and throw it again where it ends the process; this one they let pass. `cause` is the error.
 */
export class LibraryFault extends Error {}

const PROGRAMMERS = [TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]

/** True for the errors that those libraries throw again: the same as in `safety-catch`. */
export function endsProcess(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: string }
  return (
    PROGRAMMERS.some(kind => error instanceof kind) ||
    code === 'ERR_ASSERTION' ||
    error.name === 'AssertionError'
  )
}

/** The error, or a LibraryFault in place of one that would end the process. `library` is its name, for the message. */
export function plain(error: unknown, library: string): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  if (!endsProcess(error)) return error
  return new LibraryFault(`${library} could not cope with what it was given: ${error.message}`, {
    cause: error
  })
}

interface Handled {
  <A extends unknown[], R>(call: (...of: A) => R): (...of: A) => R
  <A extends unknown[], R>(call: ((...of: A) => R) | undefined): ((...of: A) => R) | undefined
}

/** Wraps calls of a library so that they throw and reject only with errors that end no process. */
export function handledBy(library: string): Handled {
  const wrap = <A extends unknown[]>(call: ((...of: A) => unknown) | undefined) => {
    if (!call) return undefined
    return (...of: A): unknown => {
      try {
        const result = call(...of)
        if (!types.isPromise(result)) return result
        return result.catch((error: unknown) => Promise.reject(plain(error, library)))
      } catch (error) {
        throw plain(error, library)
      }
    }
  }
  return wrap as Handled
}
