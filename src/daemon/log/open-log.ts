import { join } from 'node:path'
import { pino } from 'pino'
import { loggerTo, messageOf } from '../../base/logger.js'
import type { Level, Logger } from '../../base/logger.js'
import type { Home } from '../../identity/home.js'
import { LogFile } from './log-file.js'
import type { LogFileOptions } from './log-file.js'
import { redactor } from './redact.js'
import type { PlainLine } from './redact.js'

export type { PlainLine } from './redact.js'

/** Overrides of the home's log settings. */
export interface LogSettings {
  level?: Level
  /** Absolute. */
  file?: string
}

export interface LogOptions extends LogSettings {
  /** Hears of every line too; `kept` is false for one that the disk did not take. */
  onlog?: (line: PlainLine, kept: boolean) => void
  /** Of the file, in tests. */
  limits?: Pick<LogFileOptions, 'maxBytes' | 'keep'>
}

export interface OpenLog {
  log: Logger
  close(): void
}

/**
 * Opens the log of a home: JSON lines in its file, and calls of `onlog`. A write failure is reported once, and every line
 * tries the file again.
 */
export function openLog(home: Home, { level, file, onlog, limits }: LogOptions = {}): OpenLog {
  const redact = redactor([home.device.secretKey, home.device.secretKey.subarray(0, 32)])
  const logFile = new LogFile(file ?? home.log.file ?? join(home.dir, 'logs', 'bushel.log'), {
    ...limits,
    onfailed: error => onlog?.(unwritable(logFile.file, error), false)
  })
  const writer = pino(
    {
      level: 'debug',
      base: null,
      messageKey: 'message',
      timestamp: false,
      formatters: { level: label => ({ level: label }) }
    },
    { write: line => logFile.write(line) }
  )
  const log = loggerTo(
    line => {
      const plain = redact(line)
      const { at, level, part, message, fields, error } = plain
      writer[level](
        { time: new Date(at).toISOString(), part, ...fields, ...(error ? { error } : {}) },
        message
      )
      onlog?.(plain, !logFile.failing)
    },
    level ?? home.log.level ?? 'info'
  )
  return { log, close: () => logFile.close() }
}

function unwritable(file: string, error: unknown): PlainLine {
  const message = `the log file ${file} cannot be written; its lines are shown only here: ${messageOf(error)}`
  return { at: Date.now(), level: 'warn', part: 'log', message, fields: {} }
}
