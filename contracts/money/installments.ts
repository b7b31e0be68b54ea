import type { CoreLimit, Terms } from '#spec'
import { billedBytes, ceilDiv, leastPaymentOf, totalCharge, least, most } from './money.js'
import type { Msat } from './money.js'

/** One payment of a lease, and the time that it pays for: `start` to `end`, ms after the start of the lease. */
export interface Installment {
  number: number
  start: number
  end: number
  msat: Msat
}

export type InstallmentTerms = { cores: readonly Pick<CoreLimit, 'length' | 'byteLength'>[] } & Pick<
  Terms,
  'price' | 'time' | 'minChargeMsat' | 'firstInstallmentMsat' | 'maxInstallmentMsat' | 'leastMsat'
>

/** The most installments of a lease. A larger charge gets larger installments instead. */
export const MAX_INSTALLMENTS = 1024

/** The whole charge of a lease, msat. */
export function chargeOf(terms: InstallmentTerms): Msat {
  return totalCharge({
    bytes: billedBytes(terms.cores),
    time: terms.time,
    price: terms.price,
    minChargeMsat: terms.minChargeMsat,
    leastMsat: terms.leastMsat ?? null
  })
}

/**
 * The most that is paid in advance for a lease, msat: a share, but at least the first installment, which makes it binding,
 * with a rest that is too small to be paid by itself.
 */
export function aheadOf(
  charge: Msat,
  shareMsat: Msat,
  terms: Pick<InstallmentTerms, 'firstInstallmentMsat' | 'leastMsat'>
): Msat {
  const leastMsat = leastPaymentOf(terms)
  const ahead = most(shareMsat, terms.firstInstallmentMsat, leastMsat)
  return charge - ahead < leastMsat ? charge : ahead
}

/**
 * The payment schedule of a lease: a pure function of the terms, so that both sides compute the same. Amounts double from
 * `firstInstallmentMsat` to `maxInstallmentMsat`; the last installment pays the rest. None is below the least payment: the
 * others begin at it, and a smaller rest joins the installment before. An installment ends at the first ms at which the
 * rounded-up cumulative charge covers the amounts so far. Each amount is a difference of two cumulative charges, so rounding
 * errors do not add up.
 */
export function planInstallments(terms: InstallmentTerms): Installment[] {
  const total = chargeOf(terms)
  const time = BigInt(terms.time)
  const cumulative = (at: bigint): Msat => ceilDiv(total * at, time)
  const floor = ceilDiv(total, BigInt(MAX_INSTALLMENTS))
  const leastMsat = leastPaymentOf(terms)
  const cap = most(terms.maxInstallmentMsat, floor, leastMsat)
  let listed = least(most(terms.firstInstallmentMsat, floor, leastMsat), cap)
  const installments: Installment[] = []
  let start = 0n
  let paid = 0n
  while (start < time) {
    const whole = total - paid <= listed ? time : firstAt(paid + listed, total, time)
    const end = total - cumulative(whole) < leastMsat ? time : whole
    const msat = cumulative(end) - paid
    installments.push({ number: installments.length, start: Number(start), end: Number(end), msat })
    paid += msat
    start = end
    listed = least(listed * 2n, cap)
  }
  return installments
}

/** The amounts of the installments, from the first on, that `msat` pays for; at least one. */
export function amountsIn(installments: readonly Pick<Installment, 'msat'>[], msat: Msat): Msat[] {
  const amounts: Msat[] = []
  let left = msat
  for (const one of installments) {
    if (amounts.length > 0 && one.msat > left) break
    amounts.push(one.msat)
    left -= one.msat
  }
  return amounts
}

/** The first ms at which the cumulative charge is at least `target`. */
function firstAt(target: Msat, total: Msat, time: bigint): bigint {
  // ceil(total * t / time) >= target  <=>  total * t > (target - 1) * time
  return ((target - 1n) * time) / total + 1n
}
