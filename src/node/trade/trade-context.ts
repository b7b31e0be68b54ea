import type { KeyPair } from 'hypercore-crypto'
import type { Books } from '../../book/books.js'
import type { JobTimeouts } from '../../compute/job/timeouts.js'
import type { WorkerOptions } from '../../compute/provider/worker.js'
import type { Deals } from '../../deal/deals.js'
import type { Policy } from '../../deal/provider.js'
import type { StandingOrders } from '../../deal/standing-orders.js'
import type { Facts } from '../../store/facts.js'
import type { WalletResource } from '../../lightning/backend.js'
import type { Network } from '../../network/network.js'
import type { Ledger } from '../../payment/ledger.js'
import type { SpendingLimits } from '../../payment/limits.js'
import type { Payments } from '../../payment/payments.js'
import type { Timeouts } from '../../storage/lease/timeouts.js'

/** What a node has that its trades are made from. */
export interface TradeOptions {
  /** The home's folder. */
  dir: string
  identity: Buffer
  device: KeyPair
  proof: Buffer
  facts: Facts
  network: Network
  books: Books
  /** The wallet that the home deals with, not open yet, and the file of its ledger. */
  wallet: WalletResource
  ledgerFile: string
  /** Provider and unattended buyer, too; else only what one mirror needs. */
  serve: boolean
  policy?: Partial<Policy>
  timeouts: Timeouts
  jobTimeouts?: Partial<JobTimeouts>
  /** What differs from how a worker is by default. */
  worker?: Partial<WorkerOptions>
  now?: () => number
  onfault: (error: unknown) => void
  onnote: (note: string) => void
}

/** What both storage and compute are traded with. */
export interface TradeContext {
  wallet: WalletResource
  ledger: Ledger
  limits: SpendingLimits
  payments: Payments
  deals: Deals
  orders: StandingOrders
  now: () => number
}
