import type { Books } from '../book/books.js'
import type { WalletChoice } from '../identity/config.js'
import type { Store } from '../store/store.js'
import type { Network } from '../network/network.js'
import type { Timeouts } from '../storage/lease/timeouts.js'
import type { TradeResource } from './trade/parts.js'
import type { Trade } from './trade/trade.js'

/** The parts of the node that calls use. */
export interface NodeContext {
  readonly home: {
    readonly dir: string
    readonly identity: Buffer
    readonly market: Buffer | null
    useMarket(market: Buffer | null): Promise<void>
    readonly wallet: WalletChoice | null
  }
  readonly device: string
  readonly serving: boolean
  readonly timeouts: Timeouts
  readonly resources: readonly TradeResource[]
  readonly store: Store
  readonly network: Network
  readonly books: Books
  joinTopic(discoveryKey: Buffer): void
  leaveTopic(discoveryKey: Buffer): Promise<void>
  /** Opens the parts that make deals unless they are open. */
  trade(): Promise<Trade>
}
