import id from 'hypercore-id-encoding'
import { formatKey } from '../../contracts/key.js'
import { RESOURCE, askOf, bidOf } from '../../contracts/order.js'
import type { VerifiedOrder } from '../../contracts/order.js'
import type { BookAsk, BookBid, BookResult, Params } from './api.js'
import { networkOf } from './backend.js'
import { browsing } from './browsing.js'
import { marketOf } from './markets.js'
import type { Parts } from './parts.js'

const WAIT = 10_000
const LIMIT = 1000

/** The book of a market that is joined, or, named by its key, of one that is only looked at. */
export async function readBook(parts: Parts, params: Params<'book'>): Promise<BookResult> {
  const waitMs = params.waitMs ?? WAIT
  const query = {
    resource: RESOURCE.storage,
    network: networkOf(parts.home.wallet),
    limit: params.limit ?? LIMIT
  }
  const key = params.market && id.isValid(params.market) ? Buffer.from(id.decode(params.market)) : null
  if (key && !parts.books.get(key)) {
    return browsing(parts, key, waitMs, async reader => ({
      market: formatKey(key),
      name: reader.name,
      viewHash: reader.viewHash,
      asks: (await reader.asks(query)).map(askEntry),
      bids: (await reader.bids(query)).map(bidEntry),
      inStep: true,
      tick: reader.tick
    }))
  }
  const market = marketOf(parts, params.market)
  const inStep = await market.inStep({ timeoutMs: waitMs })
  return {
    market: formatKey(market.key),
    name: market.name,
    viewHash: await market.viewHash(),
    asks: (await market.asks(query)).map(askEntry),
    bids: (await market.bids(query)).map(bidEntry),
    inStep,
    tick: market.tick
  }
}

function askEntry(verified: VerifiedOrder): BookAsk {
  const { space, region, minTime, maxTime } = askOf(verified.order)
  return { ...entry(verified), device: formatKey(verified.order.device), space, region, minTime, maxTime }
}

function bidEntry(verified: VerifiedOrder): BookBid {
  const { bytes, time, copies } = bidOf(verified.order)
  return { ...entry(verified), bytes, time, copies }
}

function entry({ id, order }: VerifiedOrder): Pick<BookAsk, 'id' | 'identity' | 'price' | 'expires'> {
  return {
    id: formatKey(id),
    identity: formatKey(order.identity),
    price: order.price.toString(),
    expires: order.expires
  }
}
