import type { Lease } from '#spec'
import { BushelError, isOurs } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { formatAmount } from '../../../contracts/money/money.js'
import type { Msat } from '../../../contracts/money/money.js'
import { agreementId } from '../../../contracts/terms.js'
import type { Deals } from '../../deal/deals.js'
import type { Debts } from '../../payment/debts.js'
import type { Payments } from '../../payment/payments.js'
import type { Leases } from '../lease/leases.js'
import type { Timeouts } from '../lease/timeouts.js'
import type { Logger } from '../../base/logger.js'
import { STEP } from '../../payment/payment-state.js'

export interface PayingBackOptions {
  deals: Deals
  payments: Payments
  leases: Leases
  debts: Debts
  timeouts: Timeouts
  log: Logger
}

/** Pays refunds for leases that ended early, by the creditor's invoice, one payment per lease at a time. */
export class PayingBack {
  readonly #options: PayingBackOptions
  /** Running refunds. */
  readonly #paying = new Map<string, Promise<void>>()

  constructor(options: PayingBackOptions) {
    this.#options = options
  }

  /** Pays refunds whose invoice was accepted before a stop. */
  resume(): void {
    const { payments, leases } = this.#options
    for (const payment of [...payments.ledger.at(STEP.bound, STEP.sent, STEP.failed)]) {
      if (payment.kind !== 'refund' || payment.role !== 'payer') continue
      const lease = leases.get('provider', payment.agreement)
      if (lease) this.pay(lease, payment.text, payment.msat)
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#paying.values())
  }

  /** What a refund may pay of the debt of an agreement, msat: the rest, with the part bound to an earlier refund. */
  payable(agreement: Buffer): Msat {
    const standing = this.#options.debts.get('debtor', agreement)
    return standing ? standing.leftMsat + standing.openMsat : 0n
  }

  /** Pays in the background; does nothing while a refund of this lease is running. */
  pay(lease: Lease, invoice: string, msat: Msat): void {
    const key = agreementId(lease.terms).toString('hex')
    if (this.#paying.has(key)) return
    const paying = this.#pay(lease, invoice, msat)
      .catch(error => {
        // The creditor asks again, and the wallet reports payments in flight.
        if (isClosed(error)) return
        if (isOurs(error)) this.#options.log.fault(error)
        else if (error instanceof BushelError && isUnpayable(error))
          this.#options.log.warn(
            `the refund of ${formatAmount(msat)} for lease ${shortKey(agreementId(lease.terms))}... waits: ${error.message}`
          )
      })
      .finally(() => this.#paying.delete(key))
    this.#paying.set(key, paying)
  }

  async #pay({ terms }: Lease, invoice: string, msat: Msat): Promise<void> {
    const { payments, debts, leases, timeouts } = this.#options
    const agreement = agreementId(terms)
    const { lightning, identity, device } = leases.buyerOf(terms)
    await this.#options.deals.open(device!, { timeoutMs: timeouts.connect })
    await payments.reach(lightning!, msat, timeouts.reach, { invoice })
    // Installments may have been settled from the debt meanwhile.
    const bind = (work: () => Promise<void>): Promise<void> =>
      debts.settling(agreement, async () => {
        if (this.payable(agreement) !== msat)
          throw new BushelError(
            'NO_DEBT',
            'the rest of the debt is now smaller than the invoice',
            'nothing was paid'
          )
        await work()
      })
    await payments.payRefund({ agreement, invoice, msat, payee: lightning!, peer: identity, bind })
  }
}

/** True when it is the way to the creditor's node that is missing. */
function isUnpayable({ code }: BushelError): boolean {
  return code === 'NO_ROUTE' || code === 'PAYMENT_FAILED'
}

/** True for an error of a stopping node; the refund is paid at the next start. */
function isClosed(error: unknown): boolean {
  return error instanceof BushelError && error.code === 'CLOSED'
}
