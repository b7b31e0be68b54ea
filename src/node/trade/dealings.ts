import { isOver as isJobOver } from '../../compute/job/job-records.js'
import { isOver } from '../../storage/lease/leases.js'
import type { TradeParts } from './parts.js'

const ROLES = ['buyer', 'provider'] as const

/** True when this node has an open lease or job with the device, or a payment in flight or a debt for one. */
export function hasDealings(
  { leases, refunds, jobs, ledger }: Pick<TradeParts, 'leases' | 'refunds' | 'jobs' | 'ledger'>,
  device: Buffer
): boolean {
  const isMoving = (agreement: Buffer): boolean => ledger.totals(agreement).inFlightMsat > 0n
  for (const role of ROLES) {
    for (const { id, lease } of leases.leases.list(role)) {
      if (!isWith(device, role, lease.terms)) continue
      if (!isOver(lease) || refunds.isOwed(id) || isMoving(id)) return true
    }
    for (const { id, job } of jobs.list(role)) {
      if (!isWith(device, role, job.terms)) continue
      if (!isJobOver(job) || isMoving(id)) return true
    }
  }
  return false
}

interface Sides {
  buyer: { device: Buffer }
  provider: { device: Buffer }
}

function isWith(device: Buffer, role: 'buyer' | 'provider', { buyer, provider }: Sides): boolean {
  return (role === 'buyer' ? provider : buyer).device.equals(device)
}
