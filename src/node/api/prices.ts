import { BushelError } from '../../../contracts/errors/error.js'
import type { Msat } from '../../../contracts/money/money.js'

/** The price and the floor of an ask. Throws BAD_INPUT for a floor above the price; the floor is told to nobody. */
export function askPrice(params: { price: string; floor?: string }): { price: Msat; floor: Msat } {
  const price = BigInt(params.price)
  const floor = params.floor === undefined ? price : BigInt(params.floor)
  if (floor > price)
    throw new BushelError(
      'BAD_INPUT',
      '--floor is above --price; no offer was made',
      'lower --floor or leave it out'
    )
  return { price, floor }
}

/** Throws BAD_INPUT for an offer above the highest price. */
export function demandOffer({ offer, maxPrice }: { offer?: string; maxPrice?: string }): void {
  if (offer !== undefined && maxPrice !== undefined && BigInt(offer) > BigInt(maxPrice))
    throw new BushelError(
      'BAD_INPUT',
      '--offer is above --max-price; nothing was paid',
      'open with --offer, and go up to --max-price'
    )
}
