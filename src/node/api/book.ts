import * as v from 'valibot'
import id from 'hypercore-id-encoding'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey } from '../../../contracts/keys/key.js'
import type { VerifiedOrder } from '../../../contracts/order.js'
import type { LightReader } from '../../book/light-reader.js'
import type { Described, Resource } from '../../deal/resource.js'
import { networkOf } from '../backend.js'
import type { NodeContext } from '../context.js'
import { isReadable } from '../trade/asks.js'
import { browsing } from './browsing.js'
import { call } from './definition/call.js'
import {
  duration,
  fields,
  flag,
  key,
  listed,
  market,
  maybe,
  moment,
  said,
  text,
  whole
} from './definition/schema.js'
import type { Values } from './definition/schema.js'
import { marketOf } from './markets.js'

const WAIT = 10_000
const LIMIT = 1000

/** The fields of every order; those of its resource stand beside them, as `columns` names them. */
const order = v.pipe(
  v.objectWithRest(
    {
      id: key('id of the order'),
      identity: key('its author'),
      device: key('device of its author'),
      price: said(
        'price, or of a bid the highest price; digits, to be divided by `times` of a unit in `prices`'
      ),
      expires: moment('when it expires'),
      seen: maybe(moment('of an ask: when a relay last saw its device; absent: never, or no relay says'))
    },
    v.union([v.string(), v.number()])
  ),
  v.description('an order: amounts are strings of digits in msat, sizes bytes, times ms')
)

const column = fields({
  title: said('its heading'),
  field: said('the field of an order that it shows'),
  unit: v.pipe(
    v.picklist(['text', 'count', 'size', 'time', 'amount']),
    v.description('what the field measures')
  ),
  to: maybe(said('the field with the end of a range that begins in `field`')),
  running: maybe(flag('true: shown as the sum over this order and all better ones'))
})

const PARAMS = {
  market,
  resource: maybe(text(1, 32, "id of a resource; absent: the node's first")),
  limit: maybe(whole(1, 10_000, 'most asks, and most bids; absent: 1000')),
  waitMs: maybe(duration('how long to wait until the book is in step; absent: 10 s', { least: 0 }))
}

const RESULT = {
  market: key('key of the market'),
  name: said('name of the market'),
  viewHash: said('hash of the view, hex: nodes with the same hash see the same book'),
  resource: said('id of the resource'),
  prices: listed(
    fields({ unit: said('what the price is for'), times: said('what a price is divided by, digits') }),
    'how its prices are written: the first unit that is exact'
  ),
  columns: v.pipe(
    fields({ asks: listed(column, 'of the asks'), bids: listed(column, 'of the bids') }),
    v.description('how its orders are shown as tables, beside id, identity and price')
  ),
  asks: listed(order, 'offers, the best first'),
  bids: listed(order, 'bids, the best first'),
  inStep: flag('false: the node was not in step with the market in time'),
  tick: moment("time of the market's last tick")
}

export const BOOK_CALLS = {
  book: call(
    {
      summary: 'reads the order book of a resource, also of a market that is not joined',
      params: PARAMS,
      result: RESULT,
      changes: false,
      needs: 'node'
    },
    readBook
  )
}

type BookParams = Values<typeof PARAMS>
type OrderEntry = v.InferOutput<typeof order>
/** A book, with the fields of its resource where they are known. */
export type BookResult<Ask = unknown, Bid = unknown> = Omit<Values<typeof RESULT>, 'asks' | 'bids'> & {
  asks: (OrderEntry & Ask)[]
  bids: (OrderEntry & Bid)[]
}

/** A market, or the reader of one. */
type Reader = Pick<LightReader, 'asks' | 'seen'>

/** Reads the book of a joined market, or of any market by its key, for one resource. */
async function readBook(node: NodeContext, params: BookParams): Promise<BookResult> {
  const waitMs = params.waitMs ?? WAIT
  const resource = resourceOf(node, params.resource)
  const { prices, book } = resource
  const shown = {
    resource: resource.id,
    prices: prices.map(({ unit, times }) => ({ unit, times: times.toString() })),
    columns: { asks: [...book.asks], bids: [...book.bids] }
  }
  const asksOf = async (reader: Reader): Promise<OrderEntry[]> => {
    const asks = await reader.asks(query)
    const sightings = await reader.seen(asks.map(({ order }) => order.device!))
    return asks.map(one => {
      const seen = sightings.get(one.order.device!.toString('hex'))
      const described = book.describeAsk(resource.ask.decode(one.order.body))
      return entry(one, { ...described, ...(seen === undefined ? {} : { seen }) })
    })
  }
  const bid = (one: VerifiedOrder): OrderEntry =>
    entry(one, book.describeBid(resource.bid.decode(one.order.body)))
  const query = {
    resource: resource.id,
    network: networkOf(node.home.wallet),
    limit: params.limit ?? LIMIT,
    isReadable: isReadable(resource)
  }
  const key = params.market && id.isValid(params.market) ? Buffer.from(id.decode(params.market)) : null
  if (key && !node.books.get(key) && !node.books.brokenAt(key)) {
    return browsing(node, key, waitMs, async reader => ({
      market: formatKey(key),
      name: reader.name,
      viewHash: reader.viewHash,
      ...shown,
      asks: await asksOf(reader),
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
    asks: await asksOf(market),
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

function entry({ id, order }: VerifiedOrder, described: Described): OrderEntry {
  return {
    id: formatKey(id),
    identity: formatKey(order.identity),
    device: formatKey(order.device),
    price: order.price.toString(),
    expires: order.expires,
    ...described
  }
}
