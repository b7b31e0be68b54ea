import type { Terms } from '#spec'
import { ceilDiv, least, most } from './money.js'
import type { Msat } from './money.js'
import { chargeOf } from './installments.js'

/**
 * The part of `paidMsat` that is used up after `served` ms of a lease: the share of the charge for that time, rounded up,
 * at least the minimum charge and at most `paidMsat`. Both sides compute the same, so both know the refund.
 */
export function consumedMsat(terms: Terms, served: number, paidMsat: Msat): Msat {
  const time = BigInt(terms.time)
  const at = least(most(BigInt(Math.floor(served)), 0n), time)
  return least(most(ceilDiv(chargeOf(terms) * at, time), terms.minChargeMsat), paidMsat)
}
