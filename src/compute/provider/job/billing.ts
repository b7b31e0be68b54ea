import type { Countersign, Job, JobDue } from '#spec'
import { FINAL_INSTALLMENT, jobId, jobSegments } from '../../../../contracts/job.js'
import type { Msat } from '../../../../contracts/money/money.js'
import { sign } from '../../../../contracts/keys/signature.js'
import type { Deals } from '../../../deal/deals.js'
import type { Payments } from '../../../payment/payments.js'

/** Expiry of a job's invoice, s; it is refused earlier when the job is over. */
const EXPIRY = 2 * 24 * 3600

/** The list of a single installment of a job; the same installment always has the same hash. */
export function listOf(
  payments: Payments,
  agreement: Buffer,
  installment: number,
  msat: Msat
): Countersign['list'] {
  return payments.list(agreement, [{ number: installment, start: 0, end: 0, msat }], 0)
}

/** The signed request for a payment of a job, with its invoice. */
export async function dueOf(
  { deals, payments }: { deals: Deals; payments: Payments },
  { terms, statement }: Job,
  installment: number
): Promise<JobDue> {
  const msat =
    installment === FINAL_INSTALLMENT ? statement!.statement.finalMsat : jobSegments(terms)[installment]!
  const list = listOf(payments, jobId(terms), installment, msat)
  const [invoice] = await payments.strip(list, EXPIRY, terms.buyer.identity)
  return {
    countersign: { list, signature: sign('installment-list', list, deals.self.device) },
    invoice: invoice!
  }
}
