import id from 'hypercore-id-encoding'
import { BushelError } from '../../../contracts/errors/error.js'

/** The market of that name or key, or null; throws WHICH_MARKET when there are several. */
export function findMarket<M extends { key: Buffer; name: string }>(
  markets: readonly M[],
  wanted: string
): M | null {
  const key = id.isValid(wanted) ? Buffer.from(id.decode(wanted)) : null
  const found = markets.filter(market => (key ? market.key.equals(key) : market.name === wanted))
  if (found.length > 1) {
    throw new BushelError(
      'WHICH_MARKET',
      `${found.length} markets are called '${wanted}'`,
      'give the key of the one you mean'
    )
  }
  return found[0] ?? null
}
