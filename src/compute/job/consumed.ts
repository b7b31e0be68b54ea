import type { Msat } from '../../../contracts/money/money.js'
import type { Ledger } from '../../payment/ledger.js'
import type { JobRecords } from './job-records.js'

/**
 * The consumed part of each compute agreement's payments, msat, by agreement id in hex. It is all that is paid: a segment
 * is due only when it is used up, and the base pays for the start.
 */
export function consumedByJobs(jobs: JobRecords, ledger: Ledger): Map<string, Msat> {
  const all = new Map<string, Msat>()
  for (const role of ['buyer', 'provider'] as const) {
    for (const { id } of jobs.list(role)) {
      const { paidMsat, receivedMsat } = ledger.totals(id)
      all.set(id.toString('hex'), role === 'buyer' ? paidMsat : receivedMsat)
    }
  }
  return all
}
