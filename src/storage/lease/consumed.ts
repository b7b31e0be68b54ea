import { agreementId } from '../../../contracts/terms.js'
import { consumedMsat } from '../../../contracts/money/refund.js'
import type { Msat } from '../../../contracts/money/money.js'
import type { Debts } from '../../payment/debts.js'
import type { Ledger } from '../../payment/ledger.js'
import { isOver } from './leases.js'
import type { Leases } from './leases.js'

/**
 * The consumed part of each agreement's payments, msat, by agreement id in hex: for a running lease the price of the time
 * served so far, for a lease that is over the paid amount less the provider's debt.
 */
export function consumed(leases: Leases, ledger: Ledger, debts: Debts, now: number): Map<string, Msat> {
  const all = new Map<string, Msat>()
  for (const role of ['buyer', 'provider'] as const) {
    for (const { lease } of leases.list(role)) {
      const agreement = agreementId(lease.terms)
      const { paidMsat, receivedMsat } = ledger.totals(agreement)
      const paid = role === 'buyer' ? paidMsat : receivedMsat
      const debt = debts.get(role === 'buyer' ? 'creditor' : 'debtor', agreement)
      const running = lease.start ? consumedMsat(lease.terms, now - lease.start, paid) : 0n
      all.set(agreement.toString('hex'), isOver(lease) ? paid - (debt?.debt.debt.msat ?? 0n) : running)
    }
  }
  return all
}
