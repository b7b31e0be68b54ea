import type { Market } from '../../book/market.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../../contracts/keys/key.js'
import id from 'hypercore-id-encoding'
import type { MarketCreate, MarketEntry } from './api.js'
import type { NodeContext } from '../context.js'

/** How long to look for the nodes of a market, ms. */
const WAIT_FOR_MARKET = 10_000

/** The market of a command: the named one, the one in use, or the only joined one. */
export function marketOf(node: NodeContext, named?: string): Market {
  const { markets } = node.books
  const wanted = named ?? (node.home.market && formatKey(node.home.market))
  if (wanted) {
    const found = find(markets, wanted)
    if (found) return found
    throw new BushelError(
      'MARKET_NOT_FOUND',
      `market '${wanted}' is not joined`,
      'see the joined markets with: bushel market list; join one with: bushel market join KEY'
    )
  }
  if (markets.length === 1) return markets[0]!
  if (markets.length === 0) {
    throw new BushelError('MARKET_NOT_FOUND', 'no market is joined', 'join one with: bushel market join KEY')
  }
  throw new BushelError(
    'WHICH_MARKET',
    `${markets.length} markets are joined, and none is in use`,
    'name one with --market NAME, or choose one with: bushel market use NAME'
  )
}

function find(markets: readonly Market[], wanted: string): Market | null {
  const key = id.isValid(wanted) ? Buffer.from(id.decode(wanted)) : null
  const found = markets.filter(market => (key ? market.key.equals(key) : market.name === wanted))
  if (found.length > 1) {
    throw new BushelError(
      'WHICH_MARKET',
      `${found.length} markets are called '${wanted}'`,
      'give the key of the one you mean'
    )
  }
  return found[0] ?? null
}

export async function createMarket(
  node: NodeContext,
  { name, rules, dryRun }: MarketCreate
): Promise<{ key: string; name: string }> {
  if (node.books.markets.some(market => market.name === name)) {
    throw new BushelError(
      'MARKET_EXISTS',
      `a market named '${name}' is already joined`,
      'choose another name'
    )
  }
  if (dryRun) return { key: '', name }
  const market = await node.books.found(rules ? { name, rules } : { name })
  node.joinTopic(market.discoveryKey)
  return { key: formatKey(market.key), name: market.name }
}

/** Joins a market and waits for its rules, to detect a wrong key. */
export async function joinMarket(
  node: NodeContext,
  text: string,
  dryRun = false
): Promise<{ key: string; name: string }> {
  const key = parseKey(text, 'market key')
  const known = node.books.get(key)
  if (dryRun) return { key: formatKey(key), name: known?.name ?? '' }
  const market = known ?? (await node.books.join(key))
  node.joinTopic(market.discoveryKey)
  await market.inStep({ timeoutMs: WAIT_FOR_MARKET })
  if (!market.name) {
    if (!known) await node.books.leave(key)
    throw new BushelError(
      'MARKET_NOT_FOUND',
      `no node of market ${formatKey(key)} was found in ${WAIT_FOR_MARKET / 1000} s`,
      'nothing was joined; check the key and the network (--bootstrap), and try again'
    )
  }
  return { key: formatKey(key), name: market.name }
}

/** The markets of a node, and which of them commands mean by default. */
export function marketEntries(
  { markets }: { markets: readonly Market[] },
  used: Buffer | null
): MarketEntry[] {
  return markets.map(market => ({
    key: formatKey(market.key),
    name: market.name,
    role: market.role,
    used: markets.length === 1 || used?.equals(market.key) === true
  }))
}
