import { aheadOf } from '../../../contracts/money/installments.js'
import type { InstallmentTerms } from '../../../contracts/money/installments.js'
import { SAT, billedBytes, totalCharge } from '../../../contracts/money/money.js'
import type { PlannedSpending } from '../../payment/limits.js'
import type { MirrorRequest, Survey } from './mirror-types.js'

/** What the cost of a lease follows from. */
interface PlannedLease extends Pick<InstallmentTerms, 'price' | 'minChargeMsat' | 'firstInstallmentMsat'> {
  identity: Buffer | null
}

/** For a price alone, when no ask is known. */
export const UNKNOWN_ASK = { minChargeMsat: SAT, firstInstallmentMsat: 0n }

/** The most that one copy costs. */
export function planOf(
  { time, copies, prepayMaxMsat }: MirrorRequest,
  { cores }: Survey,
  { identity, price, minChargeMsat, firstInstallmentMsat }: PlannedLease
): PlannedSpending {
  const chargeMsat = totalCharge({ bytes: billedBytes(cores), time, price, minChargeMsat })
  const aheadMsat = aheadOf(chargeMsat, prepayMaxMsat / BigInt(copies), { firstInstallmentMsat })
  return { peer: identity, chargeMsat, aheadMsat }
}
