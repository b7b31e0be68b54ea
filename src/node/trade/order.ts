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
  // handlers registered here are called once `connections` is open
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
  // answering peers
  deal.connections,
  // unattended work
  compute.runs,
  storage.maintenance,
  storage.storageBids,
  compute.computeBids,
  deal.bookWatch,
  // being found
  deal.reachable
]
