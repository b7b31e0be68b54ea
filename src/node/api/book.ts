import type * as v from 'valibot'
import id from 'hypercore-id-encoding'
import { formatKey } from '../../../contracts/keys/key.js'
import { RESOURCE, askOf, bidOf, computeAskOf, computeBidOf } from '../../../contracts/order.js'
import type { VerifiedOrder } from '../../../contracts/order.js'
import { networkOf } from '../backend.js'
import { browsing } from './browsing.js'
import { marketOf } from './markets.js'
import type { NodeContext } from '../context.js'
import { call } from './definition/call.js'
import {
  bytes,
  duration,
  fields,
  flag,
  fuelPrice,
  key,
  listed,
  market,
  maybe,
  moment,
  msat,
  said,
  storagePrice,
  whole
} from './definition/schema.js'
import type { Values } from './definition/schema.js'

const WAIT = 10_000
const LIMIT = 1000

const order = {
  id: key('id of the order'),
  identity: key('its author'),
  device: key('device of its author'),
  expires: moment('when it expires')
}
const providers = (about: string) => whole(0, 1024, about)

const askSchema = fields({
  ...order,
  price: storagePrice('price'),
  space: bytes('space that is left'),
  region: said('region of the disk; may be empty'),
  minTime: duration('shortest lease'),
  maxTime: duration('longest lease')
})
const bidSchema = fields({
  ...order,
  price: storagePrice('highest price'),
  bytes: bytes('size of one copy'),
  time: duration('length of the lease'),
  copies: providers('copies, each at another provider')
})
const computeAskSchema = fields({
  ...order,
  price: fuelPrice('price'),
  baseMsat: msat('base of a job'),
  cores: providers('jobs at the same time'),
  memory: bytes('memory of all of them together'),
  isolation: said('how jobs are kept apart: bwrap or process'),
  fuel: said('name and version of the metering rule'),
  region: said('region of the machine; may be empty')
})
const computeBidSchema = fields({
  ...order,
  price: fuelPrice('highest price'),
  memory: bytes('memory that it needs'),
  fuel: said('name and version of the metering rule'),
  providers: providers('identities that run it'),
  maxMsat: msat('most that is paid, over all providers')
})

const PARAMS = {
  market,
  limit: maybe(whole(1, 10_000, 'most asks, and most bids; absent: 1000')),
  waitMs: maybe(duration('how long to wait until the book is in step; absent: 10 s', { least: 0 }))
}

const STATE = {
  market: key('key of the market'),
  name: said('name of the market'),
  viewHash: said('hash of the view, hex: nodes with the same hash see the same book'),
  inStep: flag('false: the node was not in step with the market in time'),
  tick: moment("time of the market's last tick")
}

function bookOf<A extends v.GenericSchema, B extends v.GenericSchema>(ask: A, bid: B) {
  return { ...STATE, asks: listed(ask, 'offers, the best first'), bids: listed(bid, 'bids, the best first') }
}

export const BOOK_CALLS = {
  book: call(
    {
      summary: 'reads the order book of storage, also of a market that is not joined',
      params: PARAMS,
      result: bookOf(askSchema, bidSchema),
      changes: false,
      needs: 'node'
    },
    (node, given) => read(node, given, { resource: RESOURCE.storage, ask: askEntry, bid: bidEntry })
  ),
  'book.compute': call(
    {
      summary: 'reads the order book of compute, also of a market that is not joined',
      params: PARAMS,
      result: bookOf(computeAskSchema, computeBidSchema),
      changes: false,
      needs: 'node'
    },
    (node, given) =>
      read(node, given, { resource: RESOURCE.compute, ask: computeAskEntry, bid: computeBidEntry })
  )
}

type BookParams = Values<typeof PARAMS>
type BookAsk = v.InferOutput<typeof askSchema>
type BookBid = v.InferOutput<typeof bidSchema>
export type ComputeAskEntry = v.InferOutput<typeof computeAskSchema>
type ComputeBidEntry = v.InferOutput<typeof computeBidSchema>

/** `asks` and `bids` are best first. */
export type BookOf<Ask, Bid> = Values<typeof STATE> & { asks: Ask[]; bids: Bid[] }

interface Entries<Ask, Bid> {
  resource: number
  ask: (verified: VerifiedOrder) => Ask
  bid: (verified: VerifiedOrder) => Bid
}

/** Reads the book of a joined market, or of any market by its key. */
async function read<Ask, Bid>(
  node: NodeContext,
  params: BookParams,
  { resource, ask, bid }: Entries<Ask, Bid>
): Promise<BookOf<Ask, Bid>> {
  const waitMs = params.waitMs ?? WAIT
  const query = { resource, network: networkOf(node.home.wallet), limit: params.limit ?? LIMIT }
  const key = params.market && id.isValid(params.market) ? Buffer.from(id.decode(params.market)) : null
  if (key && !node.books.get(key)) {
    return browsing(node, key, waitMs, async reader => ({
      market: formatKey(key),
      name: reader.name,
      viewHash: reader.viewHash,
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
    asks: (await market.asks(query)).map(ask),
    bids: (await market.bids(query)).map(bid),
    inStep,
    tick: market.tick
  }
}

function askEntry(verified: VerifiedOrder): BookAsk {
  const { space, region, minTime, maxTime } = askOf(verified.order)
  return { ...entry(verified), space, region, minTime, maxTime }
}

function bidEntry(verified: VerifiedOrder): BookBid {
  const { bytes, time, copies } = bidOf(verified.order)
  return { ...entry(verified), bytes, time, copies }
}

function computeAskEntry(verified: VerifiedOrder): ComputeAskEntry {
  const { cores, memory, isolation, fuel, baseMsat, region } = computeAskOf(verified.order)
  return { ...entry(verified), baseMsat: baseMsat.toString(), cores, memory, isolation, fuel, region }
}

function computeBidEntry(verified: VerifiedOrder): ComputeBidEntry {
  const { memory, fuel, providers, maxMsat } = computeBidOf(verified.order)
  return { ...entry(verified), memory, fuel, providers, maxMsat: maxMsat.toString() }
}

function entry({
  id,
  order
}: VerifiedOrder): Pick<BookAsk, 'id' | 'identity' | 'device' | 'price' | 'expires'> {
  return {
    id: formatKey(id),
    identity: formatKey(order.identity),
    device: formatKey(order.device),
    price: order.price.toString(),
    expires: order.expires
  }
}
