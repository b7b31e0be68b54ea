import type { Service } from '../../base/services.js'
import * as compute from './compute-services.js'
import * as deal from './deal-services.js'
import type { TradeParts } from './parts.js'
import * as storage from './storage-services.js'

/** The services of a trade: opened from top to bottom, closed from bottom to top. */
export const TRADE_SERVICES: readonly Service<TradeParts>[] = [
  // money
  deal.wallet,
  deal.lightning,
  deal.ledger,
  deal.limits,
  deal.payments,
  // what is registered here is heard of once `connections` is open
  deal.deals,
  deal.orders,
  // both sides of storage
  storage.leases,
  storage.counters,
  storage.refunds,
  storage.mirrors,
  storage.shelf,
  storage.leaseManager,
  storage.quotes,
  // both sides of compute
  compute.jobs,
  compute.blobs,
  compute.hires,
  compute.worker,
  // peers are heard
  deal.connections,
  // what the node does of its own accord
  compute.runs,
  storage.maintenance,
  storage.storageBids,
  compute.computeBids,
  deal.bookWatch,
  // and can be found
  deal.reachable
]
