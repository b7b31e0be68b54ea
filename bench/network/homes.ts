import type { Lab } from '../../test/system/network/lab.js'
import type { Shape } from '../../test/system/network/shape.js'

export const BUYER = 'buyer'
export const SELLER = 'seller'
export const PRICE = '25 sat/GiB-month'

/** A link with this rate and this round trip, and nothing lost. */
export function linkOf(mbit: number, roundTripMs: number): Shape {
  return { mbit, delayMs: roundTripMs / 2, lost: 0 }
}

/** The payload that a link of this rate carries at most, MB/s, before the headers of its frames. */
export function megabytesOf(mbit: number): number {
  return mbit / 8
}

/** A market with these sellers, each behind its shape, and a buyer behind `shape` in it. */
export async function openHomes(
  lab: Lab,
  { sellers, shape, sellerShape }: { sellers: readonly string[]; shape?: Shape; sellerShape?: Shape }
): Promise<void> {
  await lab.home('founder')
  await lab.home(BUYER, shape ? { shape } : {})
  for (const seller of sellers) await lab.home(seller, sellerShape ? { shape: sellerShape } : {})
  const { world } = lab
  const market = await world.found('founder', 'bazaar')
  for (const seller of sellers) await world.seller(seller, market, PRICE, '--space', '8GiB')
  await world.join(BUYER, market)
}
