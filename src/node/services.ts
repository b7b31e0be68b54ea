import type { NoiseStream } from 'hyperdht'
import { declaring } from '../base/services.js'
import type { Service } from '../base/services.js'
import type { Books } from '../book/books.js'
import type { Market } from '../book/market.js'
import { startForwarding } from './forwarding.js'
import type { Network } from '../network/network.js'
import type { Store } from '../store/store.js'

/** The parts of a node, by the names of the services that open them. */
export interface NodeParts {
  /** Given. */
  node: {
    readonly home: { readonly dir: string }
    /** Whether it may forward for members of the markets that it relays. */
    readonly mayForward: boolean
    readonly serving: boolean
    readonly store: Store
    readonly books: Books
    readonly network: Network
    joinTopic(discoveryKey: Buffer): void
    leaveTopic(discoveryKey: Buffer): Promise<void>
    fault(error: unknown): void
    trade(): Promise<unknown>
    closeTrade(): Promise<void>
  }
  store: Store
  books: Books
  network: Network
  markets: null
  forwarding: null
  trade: null
}

const service = declaring<NodeParts>()

/** The services of a node: opened from top to bottom, closed from bottom to top. */
export const NODE_SERVICES: readonly Service<NodeParts>[] = [
  service('store', ['node'], ({ node }, scope) => scope.open(node.store)),

  service('books', ['node'], ({ node }, scope) => scope.open(node.books)),

  service('network', ['node', 'books'], ({ node: { network }, books }, scope) => {
    scope.on(network, 'connection', (stream: NoiseStream) => books.attach(stream))
    scope.add(network.serveCores((discoveryKey, stream) => books.serve(discoveryKey, stream)))
    return scope.open(network)
  }),

  /** Looks for the nodes of each market that is open. */
  service('markets', ['node', 'books', 'network'], ({ node, books }, scope) => {
    for (const market of books.markets) node.joinTopic(market.discoveryKey)
    scope.on(books, 'broken', ({ discoveryKey }: Market) => {
      node.leaveTopic(discoveryKey).catch((error: unknown) => node.fault(error))
    })
    return null
  }),

  /** Who cannot reach the other side of a deal is forwarded by a relay of the market. */
  service('forwarding', ['node', 'books', 'network'], ({ node, books, network }, scope) => {
    startForwarding(scope, {
      books,
      network,
      isAllowed: node.mayForward,
      onfault: error => node.fault(error)
    })
    return null
  }),

  /** The parts that make deals: opened at once in a node that serves, else on first use; closed here in both cases. */
  service('trade', ['node', 'store', 'books', 'network', 'markets'], async ({ node }, scope) => {
    scope.add(() => node.closeTrade())
    if (node.serving) await node.trade()
    return null
  })
]
