import { loggerTo } from '../../src/base/logger.js'
import type { Logger } from '../../src/base/logger.js'

/** A log that hands over what failed, and keeps nothing else. */
export function faultLog(onfault: (error: unknown) => void): Logger {
  return loggerTo(({ error }) => {
    if (error !== undefined) onfault(error)
  })
}
