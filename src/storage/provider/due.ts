import type { Lease } from '#spec'
import { LEASE } from '../lease/lease-state.js'
import { paidUntil } from '../lease/leases.js'

/** Tolerance for the end of an installment by the provider's clock, ms. */
export const TOLERANCE = 10 * 60_000

/** The last time, ms since 1970, at which a lease may be in its state; later when more is paid. */
export function dueAt(lease: Lease, paidInstallments: number): number {
  const { grace, startBy } = lease.terms
  const until = paidUntil(lease, paidInstallments)
  if (lease.state === LEASE.COUNTERSIGNED) return startBy
  if (lease.state === LEASE.STORED) return until + TOLERANCE
  return lease.state === LEASE.ACTIVE || lease.state === LEASE.GRACE ? until + grace : Infinity
}

/** True when a lease has exceeded the time limit of its state. */
export function isDue(lease: Lease, paidInstallments: number, now: number): boolean {
  return now > dueAt(lease, paidInstallments)
}
