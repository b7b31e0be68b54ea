import type { Service } from '../../base/services.js'
import * as deal from './deal-services.js'
import type { TradeParts, TradeResource } from './parts.js'
import { RESOURCES } from './resources.js'

/** The services of a trade in these resources: opened from top to bottom, closed from bottom to top. */
export function tradeServices(resources: readonly TradeResource[]): readonly Service<TradeParts>[] {
  return [
    deal.forgetting,
    // money
    deal.wallet,
    deal.lightning,
    deal.ledger,
    deal.limits,
    deal.payments,
    // handlers registered here are called once `connections` is open
    deal.deals,
    deal.orders,
    deal.quotes,
    ...resources.flatMap(({ answering }) => answering),
    // answering peers
    deal.connectionsOf(resources),
    // unattended work
    ...resources.flatMap(({ working }) => working),
    deal.bookWatchOf(resources),
    // being found
    deal.reachable
  ]
}

export const TRADE_SERVICES = tradeServices(RESOURCES)
