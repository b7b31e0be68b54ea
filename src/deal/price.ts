import { formatAmount } from '../../contracts/money/money.js'
import type { Msat } from '../../contracts/money/money.js'
import type { PriceUnit, Resource } from './resource.js'

/** Writes a price in the first unit of the list in which it is exact, or else in the last. */
export function formatInUnits(units: readonly PriceUnit[], price: Msat): string {
  const { unit, times } = units.find(one => price % one.times === 0n) ?? units.at(-1)!
  return `${formatAmount(price / times)}/${unit}`
}

export function formatPriceOf({ prices }: Pick<Resource, 'prices'>, price: Msat): string {
  return formatInUnits(prices, price)
}
