import type { Msat } from '../../../contracts/money/money.js'
import type { Ledger } from '../../payment/ledger.js'
import type { JobRecords } from './job-records.js'

/**
 * What of each agreement on compute is used up, msat, by agreement in hex: all that is paid, since a segment falls due when
 * it is used up, and the base is for beginning.
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
