import { join } from 'node:path'
import id from 'hypercore-id-encoding'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import { timeoutSignal, unlessAborted } from '../../base/timeouts.js'
import { leaveOnDisk, marketsOnDisk } from '../../book/known-markets.js'
import type { Market } from '../../book/market.js'
import { ownOrderTable } from '../../deal/tables.js'
import type { Store } from '../../store/store.js'
import type { NodeContext } from '../context.js'
import { homeStore } from '../home-store.js'
import type { OfflineHome } from './definition/call.js'
import { findMarket } from './market-names.js'

/** How long the relays of a market are given to take the withdrawals of a node that leaves it, ms. */
const WITHDRAWING = 20_000

export interface Left {
  key: string
  name: string
  /** Own orders that a relay has withdrawn from the book. */
  withdrawn: number
  /** Own orders that are on the book until they expire: no relay could be told. */
  unsaid: number
}

/** Leaves a market that is open or broken. It never fails over the market: what cannot be withdrawn is told. */
export async function leaveMarket(node: NodeContext, wanted: string, dryRun = false): Promise<Left> {
  const found = findMarket([...node.books.markets, ...node.books.broken], wanted)
  if (!found) throw notJoined(wanted)
  const { key, name } = found
  const open = node.books.get(key)
  const ids = ownOrdersOf(node.store, key)
  const left = { key: formatKey(key), name, withdrawn: 0, unsaid: ids.length }
  if (dryRun) return left
  const withdrawn = node.serving && open ? await withdraw(node, open, ids) : 0
  await endOrders(node.store, key)
  if (open) await node.leaveTopic(open.discoveryKey)
  await node.books.leave(key)
  if (node.home.market?.equals(key)) await node.home.useMarket(null)
  return { ...left, withdrawn, unsaid: ids.length - withdrawn }
}

/** Leaves a market of a home on which no node runs, without opening it. Null for a name that the disk does not know. */
export async function leaveMarketOffline(
  home: OfflineHome & Pick<NodeContext['home'], 'useMarket'>,
  wanted: string,
  dryRun = false
): Promise<Left | null> {
  const books = join(home.dir, 'book')
  const broken = findMarket((await marketsOnDisk(books)).broken, wanted)
  const key = broken?.key ?? (id.isValid(wanted) ? Buffer.from(id.decode(wanted)) : null)
  if (!key) return null
  const store = homeStore(home.dir)
  await store.ready()
  try {
    const left = {
      key: formatKey(key),
      name: broken?.name ?? '',
      withdrawn: 0,
      unsaid: ownOrdersOf(store, key).length
    }
    if (dryRun) return left
    if (!(await leaveOnDisk(books, key))) throw notJoined(wanted)
    await endOrders(store, key)
    if (home.market?.equals(key)) await home.useMarket(null)
    return left
  } finally {
    await store.close()
  }
}

/** Withdraws own orders through the relays that are connected; gives how many were. */
async function withdraw(node: NodeContext, market: Market, ids: readonly Buffer[]): Promise<number> {
  if (ids.length === 0 || (market.role === 'reader' && market.relays === 0)) return 0
  const { orders, parts } = await node.trade()
  const limit = timeoutSignal(WITHDRAWING)
  let withdrawn = 0
  for (const order of ids) {
    try {
      await unlessAborted(orders.withdraw(order), limit)
      withdrawn++
    } catch (error) {
      if (!(error instanceof BushelError) && !limit.aborted) throw error // else the caller is told how many
    }
    for (const resource of node.resources) await resource.bids(parts)?.over(order)
  }
  return withdrawn
}

function ownOrdersOf(store: Store, market: Buffer): Buffer[] {
  const open = [...store.table(ownOrderTable).by('open', { gte: 0 })]
  return open.filter(({ value }) => value.market.equals(market)).map(({ key }) => key)
}

/** Own orders in the market are renewed and served no more. */
async function endOrders(store: Store, market: Buffer): Promise<void> {
  await store.write(transaction => {
    const orders = transaction.table(ownOrderTable)
    for (const { key, value } of [...orders.by('open', { gte: 0 })])
      if (value.market.equals(market)) transaction.put(ownOrderTable, key, { ...value, open: 0 })
  })
}

function notJoined(wanted: string): BushelError {
  return new BushelError(
    'MARKET_NOT_FOUND',
    `market '${wanted}' is not joined; nothing was changed`,
    'see the joined markets with: bushel market list'
  )
}
