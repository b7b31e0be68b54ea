import { aheadOf, amountsIn, planInstallments } from '../../../contracts/money/installments.js'
import type { InstallmentTerms } from '../../../contracts/money/installments.js'
import { SAT, billedBytes, most, totalCharge } from '../../../contracts/money/money.js'
import type { Msat } from '../../../contracts/money/money.js'
import type { PlannedSpending } from '../../payment/limits.js'
import { aheadIn, aheadShare } from './placing/ahead.js'
import type { MirrorRequest, Survey } from './mirror-types.js'

/** What the cost of a lease follows from. */
interface PlannedLease extends Pick<InstallmentTerms, 'price' | 'minChargeMsat' | 'firstInstallmentMsat'> {
  identity: Buffer | null
  /** See `aheadTime`. */
  servedMs: number
}

/** For a price alone, when no ask is known. */
export const UNKNOWN_ASK = { minChargeMsat: SAT, firstInstallmentMsat: 0n, servedMs: 0 }

/** Largest installment, msat, and the number above which installments are larger, of a provider by default. */
const USUAL_CAP = 40n * SAT
const USUAL_MOST = 200n

/** The most that one copy costs, with the most that its fees come to. */
export function planOf(
  { time, copies, prepayMaxMsat, ahead }: MirrorRequest,
  { cores }: Survey,
  { identity, price, minChargeMsat, firstInstallmentMsat, servedMs }: PlannedLease,
  feesOf: (amounts: readonly Msat[]) => Msat
): PlannedSpending & { feesMsat: Msat; aheadFeesMsat: Msat } {
  const chargeMsat = totalCharge({ bytes: billedBytes(cores), time, price, minChargeMsat })
  const shareMsat = aheadShare(aheadIn({ prepayMaxMsat, copies, ahead }), { chargeMsat, time, servedMs })
  const aheadMsat = aheadOf(chargeMsat, shareMsat, { firstInstallmentMsat })
  // As most providers divide it; the quote says how this one does.
  const maxInstallmentMsat = most(USUAL_CAP, chargeMsat / USUAL_MOST)
  const plan = { cores, price, time, minChargeMsat, firstInstallmentMsat, maxInstallmentMsat }
  const installments = planInstallments(plan)
  const feesMsat = feesOf(installments.map(({ msat }) => msat))
  const aheadFeesMsat = feesOf(amountsIn(installments, aheadMsat))
  return { peer: identity, chargeMsat, aheadMsat, feesMsat, aheadFeesMsat }
}
