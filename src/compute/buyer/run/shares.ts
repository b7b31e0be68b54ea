import { TFUEL, mostFuel } from '../../../../contracts/job.js'
import type { JobPrice } from '../../../../contracts/job.js'
import { least, most } from '../../../../contracts/money/money.js'
import type { Msat } from '../../../../contracts/money/money.js'

export type Priced = Pick<JobPrice, 'price' | 'baseMsat'>

/**
 * The fuel that each of these providers can use when all of them together cost `budgetMsat` at the most. One amount of
 * fuel for all, whatever each one's price is: an honest provider then ends for want of fuel exactly where the others do.
 * 0 when the bases alone come to more.
 */
export function commonFuel(asks: readonly Priced[], budgetMsat: Msat): bigint {
  const left = asks.reduce((sum, { baseMsat }) => sum - baseMsat, budgetMsat)
  const prices = asks.reduce((sum, { price }) => sum + price, 0n)
  return prices === 0n ? 0n : (most(left, 0n) * TFUEL) / prices
}

/** The most that one provider is paid for so much fuel, when `leftMsat` is left; 0 when it cannot be hired for that. */
export function shareOf({ price, baseMsat }: Priced, fuel: bigint, leftMsat: Msat): Msat {
  const share = least(baseMsat + (fuel * price) / TFUEL, leftMsat)
  return share > baseMsat ? share : 0n
}

/** All the fuel that a share buys. */
export function fuelOf(ask: Priced, shareMsat: Msat): bigint {
  return mostFuel({ ...ask, maxMsat: shareMsat, firstInstallmentMsat: 1n, maxInstallmentMsat: 1n })
}
