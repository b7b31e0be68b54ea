import id from 'hypercore-id-encoding'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import type { VerifiedOrder } from '../../../contracts/order.js'
import type { Described, Resource } from '../../deal/resource.js'
import { networkOf } from '../backend.js'
import type { NodeContext } from '../context.js'
import { isReadable } from '../trade/asks.js'
import type { BookParams, BookResult, OrderEntry } from './api.js'
import { browsing } from './browsing.js'
import { marketOf } from './markets.js'

const WAIT = 10_000
const LIMIT = 1000

/** Reads the book of a joined market, or of any market by its key, for one resource. */
export async function readBook(node: NodeContext, params: BookParams): Promise<BookResult> {
  const waitMs = params.waitMs ?? WAIT
  const resource = resourceOf(node, params.resource)
  const { prices, book } = resource
  const shown = {
    resource: resource.id,
    prices: prices.map(({ unit, times }) => ({ unit, times: times.toString() })),
    columns: { asks: [...book.asks], bids: [...book.bids] }
  }
  const ask = (one: VerifiedOrder): OrderEntry & Described =>
    entry(one, book.describeAsk(resource.ask.decode(one.order.body)))
  const bid = (one: VerifiedOrder): OrderEntry & Described =>
    entry(one, book.describeBid(resource.bid.decode(one.order.body)))
  const query = {
    resource: resource.id,
    network: networkOf(node.home.wallet),
    limit: params.limit ?? LIMIT,
    isReadable: isReadable(resource)
  }
  const key = params.market && id.isValid(params.market) ? Buffer.from(id.decode(params.market)) : null
  if (key && !node.books.get(key)) {
    return browsing(node, key, waitMs, async reader => ({
      market: formatKey(key),
      name: reader.name,
      viewHash: reader.viewHash,
      ...shown,
      asks: (await reader.asks(query)).map(ask),
      bids: (await reader.bids(query)).map(bid),
      inStep: true,
      tick: reader.tick
    }))
  }
  const market = marketOf(node, params.market)
  const inStep = await market.inStep({ timeoutMs: waitMs })
  return {
    market: formatKey(market.key),
    name: market.name,
    viewHash: await market.viewHash(),
    ...shown,
    asks: (await market.asks(query)).map(ask),
    bids: (await market.bids(query)).map(bid),
    inStep,
    tick: market.tick
  }
}

/** The resource with this id, or the first of the node. Throws BAD_INPUT for one that the node does not know. */
function resourceOf({ resources }: NodeContext, name: string | undefined): Resource {
  const known = resources.map(({ resource }) => resource)
  const found = name === undefined ? known[0] : known.find(resource => resource.id === name)
  if (found) return found
  const ids = known.map(resource => resource.id).join(', ')
  throw new BushelError('BAD_INPUT', `'${name}' is not a resource of this node`, `choose one of: ${ids}`)
}

function entry({ id, order }: VerifiedOrder, described: Described): OrderEntry & Described {
  return {
    id: formatKey(id),
    identity: formatKey(order.identity),
    device: formatKey(order.device),
    price: order.price.toString(),
    expires: order.expires,
    ...described
  }
}
