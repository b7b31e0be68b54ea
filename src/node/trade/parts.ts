import type { KeyPair } from 'hypercore-crypto'
import { declaring } from '../../base/services.js'
import type { Books } from '../../book/books.js'
import type { Blobs } from '../../compute/blobs/blobs.js'
import type { Hires } from '../../compute/buyer/hires.js'
import type { Jobs } from '../../compute/buyer/jobs.js'
import type { ComputeBids } from '../../compute/buyer/resting-bids.js'
import type { JobRecords } from '../../compute/job/job-records.js'
import type { JobTimeouts } from '../../compute/job/timeouts.js'
import type { WorkerOptions } from '../../compute/provider/worker-options.js'
import type { Worker } from '../../compute/provider/worker.js'
import type { Deals } from '../../deal/deals.js'
import type { Policy, Provider } from '../../deal/provider.js'
import type { StandingOrders } from '../../deal/standing-orders.js'
import type { WalletChoice } from '../../identity/config.js'
import type { WalletResource } from '../../lightning/backend.js'
import type { Network } from '../../network/network.js'
import type { Ledger } from '../../payment/ledger.js'
import type { SpendingLimits } from '../../payment/limits.js'
import type { Payments } from '../../payment/payments.js'
import type { BuyerLeaseContext } from '../../storage/buyer/buyer-lease.js'
import type { Maintenance } from '../../storage/buyer/maintenance.js'
import type { Mirrors } from '../../storage/buyer/mirrors.js'
import type { Refunds } from '../../storage/buyer/refunds.js'
import type { Bids } from '../../storage/buyer/resting-bids.js'
import type { Timeouts } from '../../storage/lease/timeouts.js'
import type { LeaseManager } from '../../storage/provider/lease-manager.js'
import type { LeaseShelf } from '../../storage/shelf/lease-shelf.js'
import type { Store } from '../../store/store.js'
import type { Alarms } from './alarms.js'
import type { Connections } from './connections.js'
import type { LightningLinks } from './lightning-links.js'
import type { Logger } from '../../base/logger.js'

/** The parts of a node that its trade uses. */
export interface TradeOptions {
  /** The home's folder. */
  dir: string
  identity: Buffer
  device: KeyPair
  proof: Buffer
  store: Store
  network: Network
  books: Books
  /** The wallet of the home; null for the default one. */
  wallet: WalletChoice | null
  /** True to run the provider and the unattended buyer too; false for a single command. */
  serve: boolean
  policy?: Partial<Policy>
  timeouts: Timeouts
  jobTimeouts?: Partial<JobTimeouts>
  /** Changes of the default worker options. */
  worker?: Partial<WorkerOptions>
  now?: () => number
  log: Logger
}

/** The parts of a trade, by the names of their services. Parts that may be null exist only in a node that serves. */
export interface TradeParts {
  /** Given by the node. */
  node: TradeOptions & { now: () => number; policy: Policy }
  alarms: Alarms
  wallet: WalletResource
  lightning: LightningLinks
  ledger: Ledger
  limits: SpendingLimits
  payments: Payments
  deals: Deals
  orders: StandingOrders
  /** Leases and debts on disk, and the context of the buyer's leases. */
  leases: BuyerLeaseContext
  counters: null
  refunds: Refunds
  mirrors: Mirrors
  shelf: LeaseShelf | null
  leaseManager: LeaseManager | null
  quotes: Provider | null
  jobs: JobRecords
  blobs: Blobs
  hires: Hires
  worker: Worker | null
  connections: Connections
  runs: Jobs
  maintenance: Maintenance | null
  storageBids: Bids | null
  computeBids: ComputeBids | null
  bookWatch: null
  reachable: null
}

export const tradeService = declaring<TradeParts>()
