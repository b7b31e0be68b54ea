import type { ErrorKind } from '../../contracts/errors/error-table.js'
import { BushelError } from '../../contracts/errors/error.js'

/** From what must be heard to what only a search for a fault needs. */
export const LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type Level = (typeof LEVELS)[number]

/** What a line is about: ids as bytes (32 bytes are shown in z32), amounts in msat, counts, words. Never a secret. */
export type Fields = Record<string, string | number | bigint | boolean | Buffer | null | undefined>

export interface LogLine {
  /** ms since 1970. */
  at: number
  level: Level
  /** The room that says it, with dots between a room and its parts; '' for the node itself. */
  part: string
  message: string
  fields: Fields
  /** What failed, when something did. */
  error?: unknown
}

/** What every room says what happened with. It never throws, and nobody waits for it. */
export interface Logger {
  readonly error: (message: string, fields?: Fields) => void
  readonly warn: (message: string, fields?: Fields) => void
  readonly info: (message: string, fields?: Fields) => void
  readonly debug: (message: string, fields?: Fields) => void
  /**
   * Something failed where no caller waits for it. Trouble of our own is an error, with what was thrown; what a peer did
   * or declined is a warning, and what may pass is said by the way: both by code and message alone.
   */
  readonly fault: (error: unknown, fields?: Fields) => void
  /** The same log, for a part of this one. */
  readonly child: (part: string) => Logger
}

export function isLevel(value: unknown): value is Level {
  return LEVELS.includes(value as Level)
}

/** True when a log of level `limit` has lines of `level`. */
export function covers(limit: Level, level: Level): boolean {
  return LEVELS.indexOf(level) <= LEVELS.indexOf(limit)
}

/** A log whose lines go to `sink`, those of `level` and above. */
export function loggerTo(sink: (line: LogLine) => void, level: Level = 'debug', part = ''): Logger {
  const say =
    (at: Level) =>
    (message: string, fields: Fields = {}): void => {
      if (covers(level, at)) sink({ at: Date.now(), level: at, part, message, fields })
    }
  return {
    error: say('error'),
    warn: say('warn'),
    info: say('info'),
    debug: say('debug'),
    fault: (error, fields = {}) => {
      const at = levelOf(error)
      if (at === 'error') sink({ at: Date.now(), level: at, part, message: messageOf(error), fields, error })
      else say(at)(messageOf(error), { ...fields, code: (error as BushelError).code })
    },
    child: name => loggerTo(sink, level, part ? `${part}.${name}` : name)
  }
}

const LEVEL_OF: Readonly<Record<ErrorKind, Level>> = {
  bug: 'error',
  ours: 'error',
  input: 'warn',
  peer: 'warn',
  refused: 'warn',
  passing: 'info'
}

/** What a library or our own code has thrown is trouble of our own. */
function levelOf(error: unknown): Level {
  return error instanceof BushelError ? LEVEL_OF[error.kind] : 'error'
}

const silent = (): void => undefined

/** Says nothing. */
export const nullLogger: Logger = {
  error: silent,
  warn: silent,
  info: silent,
  debug: silent,
  fault: silent,
  child: () => nullLogger
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
