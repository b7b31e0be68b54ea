import type { Order } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { SIDE } from '../../../contracts/order.js'
import type { Books } from '../../book/books.js'
import type { Candidate } from '../../book/view/listing.js'
import type { Resource } from '../../deal/resource.js'
import type { BookedBid } from '../../deal/orders/resting-bids.js'

/** Number of the cheapest asks that are considered: of living devices, and of others. */
const MAX_ASKS = 500
const MAX_BIDS = 200

/** False for orders whose body the resource cannot read; `apply` lets them into the book, readers leave them out. */
export function isReadable(resource: Resource): (order: Order) => boolean {
  return ({ side, body }) => {
    try {
      void (side === SIDE.ask ? resource.ask : resource.bid).decode(body)
      return true
    } catch {
      return false
    }
  }
}

/** The asks for a resource on one market to choose sellers from; none when this node is not in that market. */
export async function cheapestAsks(
  books: Books,
  key: Buffer,
  { resource, network, maxPrice }: { resource: Resource; network: string; maxPrice: bigint | null }
): Promise<Candidate[]> {
  const price = maxPrice === null ? {} : { maxPrice }
  const query = { resource: resource.id, network, limit: MAX_ASKS, isReadable: isReadable(resource) }
  return (await books.get(key)?.candidates({ ...query, ...price })) ?? []
}

/** The best bids for a resource on every market of this node. */
export async function bookedBids(books: Books, network: string, resource: Resource): Promise<BookedBid[]> {
  const query = { resource: resource.id, network, limit: MAX_BIDS, isReadable: isReadable(resource) }
  const bids = books.markets.map(market => market.bids(query).catch(noneIfBroken))
  return (await Promise.all(bids)).flat()
}

/** A market that breaks while it is read has no bids; the others have. */
function noneIfBroken(error: unknown): [] {
  if (error instanceof BushelError && error.code === 'MARKET_BROKEN') return []
  throw error
}
