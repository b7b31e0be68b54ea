import type { KeyPair } from 'hypercore-crypto'
import type { Used } from '../../base/bounds/bounds.js'
import { declaring } from '../../base/services.js'
import type { Service } from '../../base/services.js'
import type { Books } from '../../book/books.js'
import type { JobTimeouts } from '../../compute/job/timeouts.js'
import type { WorkerOptions } from '../../compute/provider/worker-options.js'
import type { Deals } from '../../deal/deals.js'
import type { Provider } from '../../deal/negotiation/provider.js'
import type { Resource } from '../../deal/resource.js'
import type { RestingBids } from '../../deal/orders/resting-bids.js'
import type { StandingOrders } from '../../deal/orders/standing-orders.js'
import type { WalletChoice } from '../../identity/config.js'
import type { WalletResource } from '../../lightning/backend.js'
import type { Dealings, Network } from '../../network/network.js'
import type { Ledger } from '../../payment/ledger.js'
import type { Msat } from '../../../contracts/money/money.js'
import type { SpendingLimits } from '../../payment/limits.js'
import type { Payments } from '../../payment/payments.js'
import type { Timeouts } from '../../storage/lease/timeouts.js'
import type { Policy } from '../../storage/provider/selling.js'
import type { AnyTable } from '../../store/definition.js'
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
  /** The resources that this node deals in. */
  resources: readonly TradeResource[]
  policy?: Partial<Policy>
  timeouts: Timeouts
  jobTimeouts?: Partial<JobTimeouts>
  /** Changes of the default worker options. */
  worker?: Partial<WorkerOptions>
  now?: () => number
  log: Logger
}

/**
 * The parts of a trade that all resources share, by the names of their services. Parts that may be null exist only in a
 * node that serves. A resource adds the types of its own parts beside its services.
 */
export interface TradeParts {
  /** Given by the node. */
  node: TradeOptions & { now: () => number; policy: Policy }
  alarms: Alarms
  forgetting: null
  wallet: WalletResource
  lightning: LightningLinks
  ledger: Ledger
  limits: SpendingLimits
  payments: Payments
  deals: Deals
  orders: StandingOrders
  quotes: Provider | null
  connections: Connections
  bookWatch: null
  reachable: null
}

export const tradeService = declaring<TradeParts>()

/** Facts about a resource on this node, and their lines for people, each with a label. */
export interface ResourceStatus {
  facts: Record<string, string | number | boolean>
  lines: { label: string; text: string }[]
}

/** What a status is read from: the disk, and the open parts of a node that serves. */
export interface StatusSource {
  store: Store
  /** Of the wallet of the home, as it is on disk. */
  ledger: Ledger
  /** The home's folder. */
  dir: string
  parts: TradeParts | null
}

/** A resource as a node deals in it. `resources.ts` lists them. */
export interface TradeResource {
  readonly resource: Resource
  /** Its tables in the store of the home. */
  readonly tables: readonly AnyTable[]
  /** Services that answer peers; they open before `connections` and close after it. */
  readonly answering: readonly Service<TradeParts>[]
  /** Services that act on their own; they open after `connections`. */
  readonly working: readonly Service<TradeParts>[]
  /** Its resting bids, in a node that serves. */
  bids(parts: TradeParts): RestingBids | null
  /** True when this node has an open agreement with the device, or a payment in flight or a debt for one. */
  hasDealings(parts: TradeParts, device: Buffer): boolean
  /** Whether the device pays or has paid for this resource, or sells it to this node; null for a stranger. */
  dealings(parts: TradeParts, device: Buffer): ReturnType<Dealings>
  /** What was used up of each agreement, msat, by its id in hex, for the balance check. */
  consumed(parts: TradeParts, now: number): ReadonlyMap<string, Msat>
  status(source: StatusSource): Promise<ResourceStatus>
  /** How much of the bounds for strangers is used by this resource. */
  used?(parts: TradeParts): Used
  /** For `bushel store check`: what disagrees in its tables, a line for each problem. */
  problems?(store: Store): Iterable<string>
}
