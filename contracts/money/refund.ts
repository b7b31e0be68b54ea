import type { Terms } from '#spec'
import { ceilDiv, least, most } from './money.js'
import type { Msat } from './money.js'
import { chargeOf } from './installments.js'

/**
 * What of an agreement is used up after `served` ms: the rounded-up share of the charge for that time, at least the
 * minimum charge, at most what was paid. The same on both sides, so that both know what is owed when it ends.
 */
export function consumedMsat(terms: Terms, served: number, paidMsat: Msat): Msat {
  const time = BigInt(terms.time)
  const at = least(most(BigInt(Math.floor(served)), 0n), time)
  return least(most(ceilDiv(chargeOf(terms) * at, time), terms.minChargeMsat), paidMsat)
}
