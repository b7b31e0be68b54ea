import type { Lease } from '#spec'
import { UNPAID, UNSEALED_STALLS } from '../../base/bounds/bounds.js'
import { LEASE } from '../lease/lease-state.js'
import { paidUntil } from '../lease/leases.js'

/** Tolerance for the end of an installment by the provider's clock, ms. */
export const TOLERANCE = 10 * 60_000

/**
 * The last time, ms since 1970, at which a lease may be in its state; later when more is paid, or its upload makes
 * progress, which it last did at `moved`.
 */
export function dueAt(lease: Lease, paidInstallments: number, moved = Infinity): number {
  const { grace, startBy } = lease.terms
  const until = paidUntil(lease, paidInstallments)
  if (lease.state === LEASE.COUNTERSIGNED) return Math.min(startBy, lease.created + UNPAID.endsMs)
  if (lease.state === LEASE.STORED) return until + TOLERANCE
  if (lease.state === LEASE.ACTIVE) return Math.min(until + grace, moved + UNSEALED_STALLS)
  if (lease.state === LEASE.NEXT) return lease.start
  return lease.state === LEASE.GRACE ? until + grace : Infinity
}

/** True when a lease has exceeded the time limit of its state. */
export function isDue(lease: Lease, paidInstallments: number, now: number, moved = Infinity): boolean {
  return now > dueAt(lease, paidInstallments, moved)
}
