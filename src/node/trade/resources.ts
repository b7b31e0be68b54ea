import { computeTrade } from '../../compute/trade.js'
import type { TradeResource } from './parts.js'
import { storageTrade } from '../../storage/trade.js'

/** The resources that nodes deal in: one line each. */
export const RESOURCES: readonly TradeResource[] = [storageTrade, computeTrade]
