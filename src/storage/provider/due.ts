import type { Lease } from '#spec'
import { LEASE } from '../lease/lease-state.js'
import { paidUntil } from '../lease/leases.js'

/** Tolerance for the end of an installment by the provider's clock, ms. */
export const TOLERANCE = 10 * 60_000

/** True when a lease has exceeded the time limit of its state. */
export function isDue(lease: Lease, paidInstallments: number, now: number): boolean {
  const { grace, startBy } = lease.terms
  const until = paidUntil(lease, paidInstallments)
  if (lease.state === LEASE.COUNTERSIGNED) return now > startBy
  if (lease.state === LEASE.STORED) return now > until + TOLERANCE
  return (lease.state === LEASE.ACTIVE || lease.state === LEASE.GRACE) && now > until + grace
}
