import id from 'hypercore-id-encoding'
import { formatKey } from '../../../contracts/keys/key.js'
import { RESOURCE, askOf, bidOf, computeAskOf, computeBidOf } from '../../../contracts/order.js'
import type { VerifiedOrder } from '../../../contracts/order.js'
import type { BookAsk, BookBid, BookOf, BookParams, BookResult, ComputeBook } from './api.js'
import type { ComputeAskEntry, ComputeBidEntry } from './compute-api.js'
import { networkOf } from '../backend.js'
import { browsing } from './browsing.js'
import { marketOf } from './markets.js'
import type { NodeContext } from '../context.js'

const WAIT = 10_000
const LIMIT = 1000

export function readBook(node: NodeContext, params: BookParams): Promise<BookResult> {
  return read(node, params, { resource: RESOURCE.storage, ask: askEntry, bid: bidEntry })
}

export function readComputeBook(node: NodeContext, params: BookParams): Promise<ComputeBook> {
  return read(node, params, { resource: RESOURCE.compute, ask: computeAskEntry, bid: computeBidEntry })
}

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
