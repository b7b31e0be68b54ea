import { computeTrade } from './compute-services.js'
import type { TradeResource } from './parts.js'
import { storageTrade } from './storage-services.js'

/** The resources that nodes deal in: one line each. */
export const RESOURCES: readonly TradeResource[] = [storageTrade, computeTrade]
