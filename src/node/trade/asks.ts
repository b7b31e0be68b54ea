import { RESOURCE, askOf } from '../../../contracts/order.js'
import type { VerifiedOrder } from '../../../contracts/order.js'
import type { Books } from '../../book/books.js'
import type { BookedAsk } from '../../storage/buyer/placement.js'
import type { BookedBid } from '../../storage/buyer/resting-bids.js'

/** Number of the cheapest asks that are considered. */
const MAX_ASKS = 500
const MAX_BIDS = 200

/** The cheapest asks for a resource on one market; none when this node is not in that market. */
export async function cheapestAsks(
  books: Books,
  key: Buffer,
  { resource, network, maxPrice }: { resource: number; network: string; maxPrice: bigint | null }
): Promise<VerifiedOrder[]> {
  const price = maxPrice === null ? {} : { maxPrice }
  return (await books.get(key)?.asks({ resource, network, limit: MAX_ASKS, ...price })) ?? []
}

/** The cheapest asks for storage on a market, for one Lightning network. */
export async function storageAsks(
  books: Books,
  network: string,
  key: Buffer,
  maxPrice: bigint | null
): Promise<BookedAsk[]> {
  const orders = await cheapestAsks(books, key, { resource: RESOURCE.storage, network, maxPrice })
  return orders.map(({ id, order }) => {
    const { space, minTime, maxTime, minChargeMsat } = askOf(order)
    const { identity, device, price, revision } = order
    return { id, identity, device, price, revision, space, minTime, maxTime, minChargeMsat }
  })
}

/** The best bids for storage on every market of this node. */
export async function storageBidsOf(books: Books, network: string): Promise<BookedBid[]> {
  const lists = books.markets.map(market =>
    market.bids({ resource: RESOURCE.storage, network, limit: MAX_BIDS })
  )
  return (await Promise.all(lists)).flat()
}
