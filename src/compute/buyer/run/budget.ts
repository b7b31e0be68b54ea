import { TFUEL, mostFuel } from '../../../../contracts/job.js'
import type { JobPrice } from '../../../../contracts/job.js'
import { least, most } from '../../../../contracts/money/money.js'
import type { Msat } from '../../../../contracts/money/money.js'

export type Priced = Pick<JobPrice, 'price' | 'baseMsat'>

/**
 * The equal amount of fuel that each of these providers can use when all together cost at most `budgetMsat`. Equal, so
 * that honest providers with different prices run out of fuel at the same instruction. 0 when the budget does not cover
 * the bases.
 */
export function equalFuel(asks: readonly Priced[], budgetMsat: Msat): bigint {
  const left = asks.reduce((sum, { baseMsat }) => sum - baseMsat, budgetMsat)
  const prices = asks.reduce((sum, { price }) => sum + price, 0n)
  return prices === 0n ? 0n : (most(left, 0n) * TFUEL) / prices
}

/** Most that one provider is paid for `fuel`, capped at `leftMsat`; 0 when that does not exceed its base. */
export function shareOf({ price, baseMsat }: Priced, fuel: bigint, leftMsat: Msat): Msat {
  const share = least(baseMsat + (fuel * price) / TFUEL, leftMsat)
  return share > baseMsat ? share : 0n
}

/** The fuel that a share buys. */
export function fuelOf(ask: Priced, shareMsat: Msat): bigint {
  return mostFuel({ ...ask, maxMsat: shareMsat, firstInstallmentMsat: 1n, maxInstallmentMsat: 1n })
}
