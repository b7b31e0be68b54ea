import type { Lease } from '#spec'
import { paidUntil } from '../lease/leases.js'

/** The provider's clock ends installments, so much later, ms. */
export const TOLERANCE = 10 * 60_000

/** True when a lease with so many installments paid is past the time that its state has. */
export function isDue(lease: Lease, paidInstallments: number, now: number): boolean {
  const { grace, startBy } = lease.terms
  const until = paidUntil(lease, paidInstallments)
  if (lease.state === 'COUNTERSIGNED') return now > startBy
  if (lease.state === 'STORED') return now > until + TOLERANCE
  return (lease.state === 'ACTIVE' || lease.state === 'GRACE') && now > until + grace
}
