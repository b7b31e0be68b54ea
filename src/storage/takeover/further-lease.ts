import type { Countersign, Lease, MirrorJob, TakenLease, Terms } from '#spec'
import { chargeOf, planInstallments } from '../../../contracts/money/installments.js'
import { formatAmount, formatPrice } from '../../../contracts/money/money.js'
import { verify } from '../../../contracts/keys/signature.js'
import { hashOf } from '../../../contracts/schema/codec.js'
import { agreementId, faultOf, faultOfList } from '../../../contracts/terms.js'
import { largestInstallment } from '../buyer/placing/ahead.js'
import { priceCeiling } from '../buyer/upkeep/copies.js'
import type { Copies } from '../buyer/upkeep/copies.js'
import { LEASE, isOver } from '../lease/lease-state.js'

/** Whether two leases are for the same copy at one provider. */
export function isSameCopy(a: Terms, b: Terms): boolean {
  const cores = (terms: Terms): string => terms.cores.map(({ key }) => key!.toString('hex')).join()
  return (
    a.readKey!.equals(b.readKey!) && a.provider.device!.equals(b.provider.device!) && cores(a) === cores(b)
  )
}

/**
 * The record of a lease that an earlier device of the buyer has made after the export, such as an extension, from what its
 * provider shows: both have signed it. `known`: the leases with this provider that are here. Null when it does not hold.
 */
export function furtherLease(
  { agreement, agree = null, countersign = null, seal = null, stored = null }: TakenLease,
  known: readonly Lease[],
  earlier: Buffer
): { lease: Lease; before: Lease } | null {
  if (!agree || !countersign) return null
  const { terms, signature } = agree
  const before =
    known.find(one => terms!.follows?.equals(agreementId(one.terms))) ??
    known.find(one => isSameCopy(one.terms, terms!))
  if (!before || !isSameCopy(before.terms, terms!) || !agreementId(terms!).equals(agreement)) return null
  // An earlier one that is over is no news.
  if (terms!.countersignBy <= before.terms.countersignBy) return null
  const { device, identity } = terms!.buyer
  const isOurs = identity!.equals(before.terms.buyer.identity!) && isOneOf(device!, known, earlier)
  const provider = terms!.provider.device!
  const isAgreed =
    isOurs && faultOf(terms!) === null && isSignedByBoth({ terms: terms!, signature, countersign })
  if (!isAgreed) return null
  const isStored =
    seal !== null &&
    stored !== null &&
    verify('seal', seal.seal!, seal.signature, device!) &&
    verify('stored', stored.stored!, stored.signature, provider) &&
    stored.stored!.seal!.equals(hashOf('seal', seal.seal!))
  const at = terms!.countersignBy
  const lease = { role: 'buyer', created: at, committed: at, terms: terms!, signature, countersign }
  const link = before.link ?? null
  if (!isStored) return { before, lease: { ...lease, state: LEASE.ACTIVE, start: 0, link } }
  // It begins when the one before it is over, and that is here.
  const waits = terms!.follows?.equals(agreementId(before.terms)) && !isOver(before)
  const state = waits ? LEASE.NEXT : LEASE.STORED
  return { before, lease: { ...lease, state, start: stored.stored!.start, seal, stored, link } }
}

/**
 * Why a lease that an earlier device has made is not paid on, null when it may be. Whoever has that device's key can have made it,
 * with the provider: it costs no more than this node would buy by itself, and no more at once. `paidMsat`: what was paid of it.
 */
export function faultOfFurther(
  job: MirrorJob,
  copies: Pick<Copies, 'all'>,
  { lease: { terms }, before }: { lease: Lease; before: Lease },
  paidMsat: bigint
): string | null {
  const price = priceCeiling(job, copies, terms.follows ? job.renewMaxPrice : job.maxPrice)
  const charge = chargeOf(terms)
  const { minChargeMsat, leastMsat = null } = before.terms
  if (charge > chargeOf({ ...terms, price, minChargeMsat, leastMsat }))
    return `it costs ${formatAmount(charge)}, more than at ${formatPrice(price)}`
  let sum = 0n
  for (const { msat } of planInstallments(terms)) {
    sum += msat
    if (sum > paidMsat && msat > largestInstallment(charge))
      return `${formatAmount(msat)} of it are to be paid at once`
  }
  return null
}

/** A device whose leases come to this one. */
function isOneOf(device: Buffer, known: readonly Lease[], earlier: Buffer): boolean {
  return device.equals(earlier) || known.some(({ terms }) => terms.buyer.device!.equals(device))
}

/** Whether the buyer has signed the terms, and the provider their first list. */
export function isSignedByBoth({
  terms,
  signature,
  countersign
}: {
  terms: Terms
  signature: Buffer
  countersign: Countersign
}): boolean {
  const { list } = countersign
  return (
    verify('terms', terms, signature, terms.buyer.device!) &&
    faultOfList(list!, terms, 0) === null &&
    verify('installment-list', list!, countersign.signature, terms.provider.device!)
  )
}
