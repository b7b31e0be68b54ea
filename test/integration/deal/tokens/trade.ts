import { bookedBids, cheapestAsks } from '../../../../src/node/trade/asks.js'
import { tradeService } from '../../../../src/node/trade/parts.js'
import type { TradeResource } from '../../../../src/node/trade/parts.js'
import { TokensBids } from './buyer.js'
import { TokensSelling } from './provider.js'
import { TOKENS_TABLES, TokensRecords } from './records.js'
import { tokens } from './resource.js'

declare module '../../../../src/node/trade/parts.js' {
  interface TradeParts {
    tokens: TokensRecords
    tokensBids: TokensBids | null
  }
}

const records = tradeService(
  'tokens',
  ['node', 'deals', 'payments', 'quotes'],
  ({ node, deals, payments, quotes }, scope) => {
    const own = new TokensRecords(node.store)
    if (!quotes) return own
    const selling = new TokensSelling(deals, payments, own)
    for (const dispose of selling.answer()) scope.add(dispose)
    scope.add(quotes.serve(tokens, selling))
    return own
  }
)

const bids = tradeService(
  'tokensBids',
  ['node', 'wallet', 'deals', 'payments', 'orders', 'tokens'],
  ({ node, wallet, deals, payments, orders, tokens: own }, scope) => {
    const { books, serve, log } = node
    const { network } = wallet
    if (!serve) return null
    return scope.open(
      new TokensBids({
        ...{ deals, payments, orders, log, records: own },
        asks: market => cheapestAsks(books, market, { resource: tokens, network, maxPrice: null }),
        standing: () => bookedBids(books, network, tokens)
      })
    )
  }
)

/** The whole of the third resource, for the one line that registers it. */
export const tokensTrade: TradeResource = {
  resource: tokens,
  tables: TOKENS_TABLES,
  answering: [records],
  working: [bids],
  bids: parts => parts.tokensBids,
  hasDealings: ({ tokens: own }, device) =>
    (['buyer', 'provider'] as const).some(role =>
      own.list(role).some(({ terms }) => terms[role === 'buyer' ? 'provider' : 'buyer'].device.equals(device))
    ),
  dealings: () => null,
  consumed: ({ tokens: own, ledger }) =>
    new Map(
      (['buyer', 'provider'] as const).flatMap(role =>
        own.list(role).map(({ id }) => {
          const { paidMsat, receivedMsat } = ledger.totals(id)
          return [id.toString('hex'), role === 'buyer' ? paidMsat : receivedMsat] as const
        })
      )
    ),
  status: ({ store }) => {
    const own = new TokensRecords(store)
    const sum = (role: 'buyer' | 'provider'): number =>
      own.list(role).reduce((all, { id }) => all + own.used(id), 0)
    const [bought, sold] = [sum('buyer'), sum('provider')]
    const text = `${bought} bought, ${sold} sold`
    return Promise.resolve({ facts: { bought, sold }, lines: [{ label: 'tokens', text }] })
  }
}
