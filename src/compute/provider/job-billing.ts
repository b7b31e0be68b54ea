import type { Countersign, Job, JobDue } from '#spec'
import { FINAL_EPOCH, jobId, jobSegments } from '../../../contracts/job.js'
import type { Msat } from '../../../contracts/money/money.js'
import { sign } from '../../../contracts/keys/signature.js'
import type { Deals } from '../../deal/deals.js'
import type { Teller } from '../../payment/payments.js'

/** How long an invoice of a job can be paid, s; a job that is over refuses it. */
const EXPIRY = 2 * 24 * 3600

/** The list of the one payment of a job that is asked for: its hash is the same whenever it is. */
export function listOf(teller: Teller, agreement: Buffer, epoch: number, msat: Msat): Countersign['list'] {
  return teller.list(agreement, [{ number: epoch, start: 0, end: 0, msat }], 0)
}

/** What a job asks its buyer to pay now: signed, with an invoice. */
export async function dueOf(
  { deals, teller }: { deals: Deals; teller: Teller },
  { terms, statement }: Job,
  epoch: number
): Promise<JobDue> {
  const msat = epoch === FINAL_EPOCH ? statement!.statement.finalMsat : jobSegments(terms)[epoch]!
  const list = listOf(teller, jobId(terms), epoch, msat)
  const [invoice] = await teller.strip(list, EXPIRY, terms.buyer.identity)
  return {
    countersign: { list, signature: sign('slice-list', list, deals.self.device) },
    invoice: invoice!
  }
}
