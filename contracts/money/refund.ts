import type { Terms } from '#spec'
import { LEAST_PAYMENT, ceilDiv, least, most } from './money.js'
import type { Msat } from './money.js'
import { chargeOf } from './installments.js'

/**
 * The part of `paidMsat` that is used up after `served` ms of a lease: the share of the charge for that time, rounded up,
 * at least the minimum charge and at most `paidMsat`. A rest below LEAST_PAYMENT cannot be paid back and counts as used up.
 * Both sides compute the same, so both know the refund.
 */
export function consumedMsat(terms: Terms, served: number, paidMsat: Msat): Msat {
  const time = BigInt(terms.time)
  const at = least(most(BigInt(Math.floor(served)), 0n), time)
  const used = most(ceilDiv(chargeOf(terms) * at, time), terms.minChargeMsat)
  return paidMsat - used < LEAST_PAYMENT ? paidMsat : used
}
