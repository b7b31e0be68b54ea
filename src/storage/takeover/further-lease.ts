import type { Lease, TakenLease, Terms } from '#spec'
import { verify } from '../../../contracts/keys/signature.js'
import { hashOf } from '../../../contracts/schema/codec.js'
import { agreementId, faultOf, faultOfList } from '../../../contracts/terms.js'
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
    isOurs &&
    faultOf(terms!) === null &&
    verify('terms', terms!, signature, device!) &&
    faultOfList(countersign.list!, terms!, 0) === null &&
    verify('installment-list', countersign.list!, countersign.signature, provider)
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

/** A device whose leases come to this one. */
function isOneOf(device: Buffer, known: readonly Lease[], earlier: Buffer): boolean {
  return device.equals(earlier) || known.some(({ terms }) => terms.buyer.device!.equals(device))
}
