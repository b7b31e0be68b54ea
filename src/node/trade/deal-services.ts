import { createHmac } from 'node:crypto'
import { HOUR } from '../../../contracts/money/quantity.js'
import { Poller } from '../../base/poller.js'
import type { Service } from '../../base/services.js'
import type { Market } from '../../book/market.js'
import type { Handler } from '../../deal/channel.js'
import { Deals } from '../../deal/deals.js'
import { Provider } from '../../deal/negotiation/provider.js'
import { Resources } from '../../deal/resource.js'
import { StandingOrders } from '../../deal/orders/standing-orders.js'
import type { Dealings } from '../../network/network.js'
import { checkInvoice } from '../../lightning/invoice.js'
import { Ledger } from '../../payment/ledger.js'
import { SpendingLimits, limitsIn } from '../../payment/limits.js'
import { Payments } from '../../payment/payments.js'
import { backendOf, ledgerOf, loadWallet } from '../backend.js'
import { Connections } from './connections.js'
import { LightningLinks } from './lightning-links.js'
import { tradeService } from './parts.js'
import type { TradeParts, TradeResource } from './parts.js'
import { logWallet } from './wallet-log.js'

// The services that all resources share: payment, deals and the book.

/** Rows of each table that are forgotten in one transaction. */
const FORGOTTEN_AT_ONCE = 1000

export const wallet = tradeService('wallet', ['node'], async ({ node }, scope) => {
  const opened = await loadWallet(node.dir, node.wallet, node.store)
  const { id } = backendOf(node.wallet)
  const tellOpened = logWallet(opened, node.log.child('wallet'), id, scope)
  await scope.open(opened)
  tellOpened()
  return opened
})

/** Lightning over the node's connections; it closes once no payment is in flight. */
export const lightning = tradeService('lightning', ['wallet'], ({ wallet: opened }, scope) => {
  const links = new LightningLinks(opened.link?.bind(opened) ?? null)
  scope.add(() => links.close())
  return links
})

export const ledger = tradeService('ledger', ['node'], ({ node }, scope) =>
  scope.open(new Ledger(node.store, ledgerOf(node.wallet), node.now))
)

/** Deletes the rows whose time is over by the rules of their tables. */
export const forgetting = tradeService('forgetting', ['node'], async ({ node }, scope) => {
  const poller = new Poller({
    look: async () => {
      while ((await node.store.forget(node.now(), FORGOTTEN_AT_ONCE)) > 0);
    },
    interval: HOUR,
    onerror: node.log.fault
  })
  scope.add(() => poller.close())
  if (node.serve) await poller.start()
  return null
})

export const limits = tradeService('limits', ['node', 'wallet', 'ledger'], parts => {
  const { store, now } = parts.node
  return new SpendingLimits({ ledger: parts.ledger, real: parts.wallet.real, records: limitsIn(store), now })
})

/** Payments with their reconciler, which brings the ledger in line with the wallet before any payment. */
export const payments = tradeService(
  'payments',
  ['node', 'alarms', 'wallet', 'ledger', 'limits'],
  ({ node, alarms, ...money }, scope) => {
    const { device, log, now } = node
    const secret = createHmac('sha256', device.secretKey).update('bushel/preimages').digest()
    const made = new Payments({ ...money, checkInvoice, secret, log: log.child('payment'), now })
    scope.on(made.reconciler, 'mended', (lines: string[]) => alarms.mend(lines))
    scope.on(made.reconciler, 'faults', (lines: string[]) => lines.forEach(line => alarms.raise(line)))
    return scope.open(made)
  }
)

/** Handlers can be registered from here on; peers are answered once `connections` is open. */
export const deals = tradeService('deals', ['node', 'wallet'], parts => {
  const { identity, device, proof, store, network, log, now } = parts.node
  const self = { identity, device, proof, lightning: parts.wallet.nodeId, network: parts.wallet.network }
  const resources = new Resources(parts.node.resources.map(({ resource }) => resource))
  return new Deals({ self, resources, store, connector: network, log: log.child('deal'), now })
})

export const orders = tradeService('orders', ['node', 'deals'], async (parts, scope) => {
  const { store, books, log, serve } = parts.node
  const market = (key: Buffer): Market | null => books.get(key)
  const own = new StandingOrders({ self: parts.deals.self, store, market, log: log.child('orders') })
  return serve ? scope.open(own) : own
})

/** Quotes and agreements; each resource adds its provider's side. */
export const quotes = tradeService(
  'quotes',
  ['node', 'deals', 'orders'],
  ({ node, deals: answering, orders: own }, scope) =>
    node.serve
      ? scope.open(new Provider({ deals: answering, quoteFor: node.policy.quoteFor, ask: id => own.ask(id) }))
      : null
)

type Name = keyof TradeParts

/** What answers peers opens before it and closes after it. */
export function connectionsOf(resources: readonly TradeResource[]): Service<TradeParts> {
  const answering = resources.flatMap(resource => resource.answering.map(({ name }) => name))
  const needs: Name[] = ['node', 'wallet', 'lightning', 'ledger', 'payments', 'deals', 'quotes', ...answering]
  return tradeService('connections', needs, (parts, scope) => {
    const { network, timeouts, log } = parts.node
    const hasDealings = (device: Buffer): boolean =>
      resources.some(resource => resource.hasDealings(parts, device))
    parts.wallet.knowPartners?.(hasDealings)
    scope.add(network.knowDealings(device => dealingsOf(resources, parts, device)))
    return scope.open(
      new Connections({
        network,
        deals: parts.deals,
        lightning: parts.lightning,
        hasDealings,
        timeoutMs: timeouts.connect,
        log
      })
    )
  })
}

/** The closest dealings with a device of all resources. */
function dealingsOf(
  resources: readonly TradeResource[],
  parts: TradeParts,
  device: Buffer
): ReturnType<Dealings> {
  const all = resources.map(({ dealings }) => dealings(parts, device))
  return all.find(one => one === 'pays') ?? all.find(one => one !== null) ?? null
}

/** Shows the resting bids of every resource the changes of the book, and what providers say of them. */
export function bookWatchOf(resources: readonly TradeResource[]): Service<TradeParts> {
  const own = resources.flatMap(({ answering, working }) => [...answering, ...working])
  const needs: Name[] = ['node', 'deals', ...own.map(({ name }) => name)]
  return tradeService('bookWatch', needs, (parts, scope) => {
    const bids = resources.map(resource => resource.bids(parts)).filter(one => one !== null)
    if (bids.length === 0) return null
    const answer: Handler<'answer'> = ({ bid }) => {
      for (const one of bids) one.told(bid)
      return { body: { ok: 1 } }
    }
    scope.add(parts.deals.handle('answer', answer))
    const changed = (): void => bids.forEach(one => one.soon())
    const follow = (market: Market): void => scope.on(market, 'update', changed)
    const { books } = parts.node
    books.markets.forEach(follow)
    scope.on(books, 'market', follow)
    return null
  })
}

/** The node can be reached by its device key. */
export const reachable = tradeService('reachable', ['node'], async ({ node }) => {
  if (node.serve) await node.network.listen()
  return null
})
