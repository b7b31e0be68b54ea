import { isOver as isJobOver } from '../../compute/job/job-records.js'
import { isOver } from '../../storage/lease/leases.js'
import type { TradeParts } from './parts.js'

/** True when this node has an open lease or job with the device, or a payment in flight or a debt for one. */
export function hasDealings(
  { leases, refunds, jobs, ledger }: Pick<TradeParts, 'leases' | 'refunds' | 'jobs' | 'ledger'>,
  device: Buffer
): boolean {
  const isMoving = (agreement: Buffer): boolean => ledger.totals(agreement).inFlightMsat > 0n
  for (const { id, lease } of leases.leases.with(device))
    if (!isOver(lease) || refunds.isOwed(id) || isMoving(id)) return true
  for (const { id, job } of jobs.with(device)) if (!isJobOver(job) || isMoving(id)) return true
  return false
}
