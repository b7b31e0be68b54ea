import type { LimitName } from './frames.js'

/** Thrown by `proc_exit` through the module, which cannot catch it. */
export class ProgramExit extends Error {
  constructor(readonly code: number) {
    super()
  }
}

/** A limit ends the run. `message` is one line to show. */
export class Stop extends Error {
  constructor(
    readonly limit: LimitName,
    message: string
  ) {
    super(message)
  }
}

/** The module made an invalid call. */
export class Trap extends Error {}

/** Ends one call with an error number of WASI preview 1; the run continues. */
export class Refusal extends Error {
  constructor(readonly errno: number) {
    super()
  }
}

export const ERRNO = {
  badFile: 8,
  exists: 20,
  fault: 21,
  tooLarge: 22,
  badText: 25,
  invalid: 28,
  isFolder: 31,
  tooManyOpen: 33,
  nameTooLong: 37,
  noEntry: 44,
  noSystem: 52,
  notFolder: 54,
  notEmpty: 55,
  notSupported: 58,
  overflow: 61,
  readOnly: 69,
  noSeek: 70,
  crossDevice: 75,
  notCapable: 76
} as const

export function refuse(why: keyof typeof ERRNO): never {
  throw new Refusal(ERRNO[why])
}
