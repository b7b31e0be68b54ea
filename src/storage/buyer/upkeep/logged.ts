import type { Logger } from '../../../base/logger.js'
import type { PlacementListener } from '../placing/placement.js'

/** Hears of what a node buys by itself for the mirror with this name. */
export function loggedBy(log: Logger, name: string): PlacementListener {
  const nothing = (): void => undefined
  return { note: message => log.info(`'${name}': ${message}`), uploaded: nothing, paid: nothing }
}
