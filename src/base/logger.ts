import type { ErrorKind } from '../../contracts/errors/error-table.js'
import { BushelError } from '../../contracts/errors/error.js'

/** Levels, from most to least important. */
export const LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type Level = (typeof LEVELS)[number]

/** Fields of a line: ids as bytes (32 bytes are shown in z32), amounts in msat, counts, words. Never a secret. */
export type Fields = Record<string, string | number | bigint | boolean | Buffer | null | undefined>

export interface LogLine {
  /** ms since 1970. */
  at: number
  level: Level
  /** The part of the node that logs, with dots between a part and its subparts; '' for the node itself. */
  part: string
  message: string
  fields: Fields
  /** The error, when the line reports one. */
  error?: unknown
}

/** The log of every part of the node. Its methods never throw and are synchronous. */
export interface Logger {
  readonly error: (message: string, fields?: Fields) => void
  readonly warn: (message: string, fields?: Fields) => void
  readonly info: (message: string, fields?: Fields) => void
  readonly debug: (message: string, fields?: Fields) => void
  /**
   * Logs a failure that no caller waits for. Our own faults are errors, with the thrown value; faults and declines of a
   * peer are warnings, and passing ones have a lower level: both with code and message only.
   */
  readonly fault: (error: unknown, fields?: Fields) => void
  /** A logger for a subpart, with the same sink. */
  readonly child: (part: string) => Logger
}

export function isLevel(value: unknown): value is Level {
  return LEVELS.includes(value as Level)
}

/** True when a log of level `limit` includes lines of `level`. */
export function covers(limit: Level, level: Level): boolean {
  return LEVELS.indexOf(level) <= LEVELS.indexOf(limit)
}

/** A logger that sends lines of `level` and above to `sink`. */
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

/** Errors that are not a BushelError are our own faults. */
function levelOf(error: unknown): Level {
  return error instanceof BushelError ? LEVEL_OF[error.kind] : 'error'
}

const silent = (): void => undefined

/** Drops every line. */
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
