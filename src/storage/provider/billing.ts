import type { Countersign, Lease, Reissue, SignedCounter, SignedDebt, Terms, Void } from '#spec'
import { BushelError, isOurs } from '../../../contracts/errors/error.js'
import { consumedMsat } from '../../../contracts/money/refund.js'
import { sign, verify } from '../../../contracts/keys/signature.js'
import { agreementId } from '../../../contracts/terms.js'
import type { Answer, Counterparty, Handler } from '../../deal/channel.js'
import { Scope } from '../../base/scope.js'
import { DeclineError } from '../../deal/decline.js'
import type { Deals } from '../../deal/deals.js'
import type { Change } from '../../store/change.js'
import type { Debts } from '../../payment/debts.js'
import type { Payment } from '../../payment/ledger.js'
import { isSettled } from '../../payment/ledger.js'
import type { Payments } from '../../payment/payments.js'
import { claimOf } from '../lease/egress.js'
import type { EgressAccounts } from '../lease/egress.js'
import { isUnpaid } from '../lease/lease-state.js'
import { installmentsOf, paidUntil, stripOf } from '../lease/leases.js'
import type { Leases } from '../lease/leases.js'
import type { Timeouts } from '../lease/timeouts.js'
import { TOLERANCE } from './due.js'
import { PayingBack } from './paying-back.js'
import type { Logger } from '../../base/logger.js'

export interface BillingOptions {
  deals: Deals
  payments: Payments
  leases: Leases
  debts: Debts
  now: () => number
  log: Logger
  timeouts: Timeouts
  /** What was fetched of each account of a lease. */
  accounts(lease: Lease): EgressAccounts
  /** The lease of an agreement with this peer; throws DeclineError, also when it is over unless `over` is true. */
  leaseOf(agreement: Buffer, peer: Counterparty, over?: boolean): Lease
  /** Called when an installment is settled, so that the service follows. Idempotent. */
  onpaid(payment: Payment): Promise<void>
}

/** How long to wait for our own wallet after the payer says that it paid, ms. */
const WAIT_FOR_PAYMENT = 10_000
/** How long an invoice can be paid after its installment should have begun, s. */
const LATE_PAYMENT = 7 * 24 * 3600
/** Longest expiry of an invoice, s. */
const LONGEST_INVOICE = 365 * 24 * 3600

/** How often the hash of a first installment is replaced before anything is paid. */
export const MOST_UNPAID_VOIDS = 4

/** The provider's side of payment: strips, voids, counters, and debts of leases that ended early; until it is closed. */
export class Billing {
  readonly #options: BillingOptions
  readonly #handlers = new Scope()
  readonly #payingBack: PayingBack

  constructor(options: BillingOptions) {
    this.#options = options
    this.#payingBack = new PayingBack(options)
    const { deals } = options
    const tell: Handler<'paid'> = ({ agreement, installment }, peer) =>
      this.#told(agreement, installment, peer)
    const reissue: Handler<'void'> = (old, peer) => this.#void(old, peer)
    const credit: Handler<'credit'> = ({ agreement, installment, debt }, peer) =>
      this.#credit(agreement, installment, debt, peer)
    const refund: Handler<'refund'> = ({ agreement, invoice }, peer) => this.#refund(agreement, invoice, peer)
    for (const dispose of [
      deals.handle('strip', ({ agreement, from }, peer) => this.#strip(agreement, from, peer)),
      deals.handle('topup', ({ agreement, from }, peer) => this.#topup(agreement, from, peer)),
      deals.handle('paid', tell),
      deals.handle('void', reissue),
      deals.handle('counter', (counter, peer) => this.#counter(counter, peer)),
      deals.handle('credit', credit),
      deals.handle('refund', refund)
    ])
      this.#handlers.add(dispose)
  }

  /** Continues refunds that were started before a stop. */
  resume(): void {
    this.#payingBack.resume()
  }

  /** Stops answering; resolves when the running refunds have ended. */
  async close(): Promise<void> {
    await this.#handlers.close()
    await this.#payingBack.close()
  }

  async #strip(agreement: Buffer, from: number, peer: Counterparty): Promise<Answer<'strip'>> {
    const { leases, payments } = this.#options
    // A lease that is ending gets no strip: its invoices would stay open.
    return leases.inTurn('provider', agreement, async () => {
      const lease = this.#options.leaseOf(agreement, peer)
      const list = leases.strip('provider', agreement, from)
      if (!list) throw new DeclineError('NO_LIST', `no list of installments begins at ${from}`)
      const expirySeconds = this.#expiry(lease, from, list.list.installments.length)
      try {
        return {
          body: { agreement, invoices: await payments.strip(list.list, expirySeconds, peer.identity) }
        }
      } catch (error) {
        throw declineOf(error)
      }
    })
  }

  /** Expiry of the invoices from installment `from` on, s. */
  #expiry(lease: Lease, from: number, count: number): number {
    const installments = installmentsOf(lease)
    const first = installments[from]!
    const due = (lease.start || lease.terms.startBy) + first.start
    const left = installments[Math.min(from + count, installments.length) - 1]!.end - first.start
    const wanted = Math.ceil((Math.max(0, due - this.#options.now()) + left) / 1000) + LATE_PAYMENT
    return Math.min(wanted, LONGEST_INVOICE)
  }

  #topup(agreement: Buffer, from: number, peer: Counterparty): Answer<'topup'> {
    const { leases, payments, deals } = this.#options
    const lease = this.#options.leaseOf(agreement, peer)
    if (isUnpaid(lease)) throw new DeclineError('NOT_PAID', 'the first installment is not paid yet')
    const installments = installmentsOf(lease)
    if (from === 0 || from !== stripOf(from) || from >= installments.length)
      throw new DeclineError('NO_LIST', `no strip of invoices begins at installment ${from}`)
    const kept = leases.strip('provider', agreement, from)
    if (kept) return { body: kept }
    const list = payments.list(agreement, installments, from)
    const countersign = { list, signature: sign('installment-list', list, deals.self.device) }
    return { body: countersign, changes: [leases.listChange('provider', agreement, from, countersign)] }
  }

  /** Handles the payer's message that it paid; our own wallet decides. */
  async #told(agreement: Buffer, installment: number, peer: Counterparty): Promise<Answer<'paid'>> {
    const { payments } = this.#options
    this.#options.leaseOf(agreement, peer)
    if (!(await payments.wasReceived(agreement, installment, WAIT_FOR_PAYMENT))) {
      throw new DeclineError('NOT_RECEIVED', `the payment of installment ${installment} has not arrived`)
    }
    await this.#options.onpaid(payments.ledger.payment(agreement, installment)!)
    payments.acknowledged(agreement, installment)
    return { body: this.#standing(agreement, peer) }
  }

  #standing(agreement: Buffer, peer: Counterparty): Answer<'paid'>['body'] {
    const lease = this.#options.leaseOf(agreement, peer, true)
    const until = paidUntil(lease, this.#options.payments.ledger.contiguous(agreement))
    return { agreement, until, ...claimOf(this.#options.accounts(lease)) }
  }

  /**
   * Handles a payment that failed in the payer's wallet: answers with its preimage when it had settled after all, else
   * signs that its hash is void and lists a new one.
   */
  async #void(old: Void, peer: Counterparty): Promise<Answer<'void'>> {
    const { agreement, installment } = old
    const { payments, deals, leases } = this.#options
    const lease = this.#options.leaseOf(agreement, peer)
    if (installment >= installmentsOf(lease).length)
      throw new DeclineError('INSTALLMENT_REFUSED', `the agreement has no installment ${installment}`)
    // Each void stays in the ledger for ever, and a stranger who pays nothing must not write there as he likes.
    const last = payments.ledger.payment(agreement, installment)
    const isSpent = last !== null && last.issue >= MOST_UNPAID_VOIDS && last.hash.equals(old.hash)
    if (isUnpaid(lease) && (installment > 0 || isSpent))
      throw new DeclineError('NOT_PAID', 'the first installment is not paid yet')
    try {
      const again = await payments.reissue(old, this.#expiry(lease, installment, 1))
      if ('preimage' in again) return { body: { preimage: again.preimage } }
      // Another device may have taken the lease over meanwhile: a hash is given to one of them.
      this.#options.leaseOf(agreement, peer)
      const list = { agreement, installments: [again.listed] }
      const countersign: Countersign = { list, signature: sign('installment-list', list, deals.self.device) }
      const body: Reissue = {
        void: { void: old, signature: sign('void', old, deals.self.device) },
        countersign,
        invoice: again.invoice
      }
      return { body, changes: [leases.reissueChange(again.listed.hash, body)] }
    } catch (error) {
      throw declineOf(error)
    }
  }

  /** Countersigns a counter that agrees with our own records. */
  async #counter(signed: SignedCounter, peer: Counterparty): Promise<Answer<'counter'>> {
    const { payments, deals, leases, now } = this.#options
    const { counter, buyer } = signed
    const lease = this.#options.leaseOf(counter.agreement, peer)
    if (!buyer || !verify('counter', counter, buyer, peer.device))
      throw new DeclineError('SIGNATURE', 'the signature on the counter is not valid')
    const last = lease.counter?.counter
    if (last && counter.n < last.n)
      throw new DeclineError('COUNTER', `the last signed counter is number ${last.n}`)
    const { receivedMsat } = payments.ledger.totals(counter.agreement)
    if (counter.paidMsat > receivedMsat)
      throw new DeclineError('COUNTER', `this node has received ${receivedMsat} msat`)
    if (last && (counter.paidMsat < last.paidMsat || counter.servedUntil < last.servedUntil))
      throw new DeclineError('COUNTER', 'the counter is lower than the last signed one')
    const until = paidUntil(lease, payments.ledger.contiguous(counter.agreement))
    if (counter.servedUntil > Math.min(now() + TOLERANCE, until))
      throw new DeclineError('COUNTER', 'the counter claims more than was served so far')
    const least = last?.egressBytes ?? 0
    // What a kill has taken from our count is in the last counter still.
    const most = Math.max(this.#options.accounts(lease).readers, least)
    if (counter.egressBytes > most || counter.egressBytes < least)
      throw new DeclineError('COUNTER', `this node has counted at most ${most} bytes of egress`)
    const provider = sign('counter', counter, deals.self.device)
    const both: SignedCounter = { counter, buyer, provider }
    await leases.save({ ...lease, counter: both })
    return { body: both }
  }

  // Debts

  /** The signed debt for the paid and unused rest of an ended lease; null when nothing is owed. */
  debtOf(lease: Lease): SignedDebt | null {
    const { payments, deals, now } = this.#options
    const agreement = agreementId(lease.terms)
    const paid = payments.ledger.totals(agreement).receivedMsat
    const begin = lease.start || lease.committed
    const msat = paid - consumedMsat(lease.terms, begin ? now() - begin : 0, paid)
    if (msat <= 0n) return null
    const debt = { agreement, msat, at: now() }
    return { debt, signature: sign('debt', debt, deals.self.device) }
  }

  debtChange(terms: Terms, debt: SignedDebt): Change {
    return this.#options.debts.change('debtor', terms.buyer.identity, debt)
  }

  /** Settles an installment of this agreement from our debt for another agreement of the same buyer. */
  async #credit(
    agreement: Buffer,
    installment: number,
    debt: Buffer,
    peer: Counterparty
  ): Promise<Answer<'credit'>> {
    const { payments, leases, debts } = this.#options
    this.#options.leaseOf(agreement, peer, true)
    this.#options.leaseOf(debt, peer, true)
    const listed = payments.ledger.payment(agreement, installment)
    if (listed?.role !== 'payee')
      throw new DeclineError('NO_LIST', `installment ${installment} is in no signed list`)
    const credit = async (): Promise<void> => {
      // A settled installment is confirmed again: the earlier answer may have been lost.
      if (isSettled(payments.ledger.payment(agreement, installment)!.step)) return
      this.#options.leaseOf(agreement, peer)
      if (installment !== payments.ledger.contiguous(agreement))
        throw new DeclineError('CREDIT', 'earlier installments are not settled yet')
      const left = debts.get('debtor', debt)?.leftMsat ?? 0n
      if (left < listed.msat) throw new DeclineError('CREDIT', `only ${left} msat of that debt are left`)
      await payments.credited(agreement, installment, debt)
    }
    await leases.inTurn('provider', agreement, () => debts.settling(debt, credit))
    await this.#options.onpaid(payments.ledger.payment(agreement, installment)!)
    return { body: this.#standing(agreement, peer) }
  }

  /** Accepts the creditor's invoice for the rest of a debt; pays it once the answer has left. */
  async #refund(agreement: Buffer, invoice: string, peer: Counterparty): Promise<Answer<'refund'>> {
    const lease = this.#options.leaseOf(agreement, peer, true)
    if (!this.#options.debts.get('debtor', agreement))
      throw new DeclineError('NO_DEBT', 'this node owes nothing for that agreement')
    const msat = this.#payingBack.payable(agreement)
    if (msat === 0n) throw new DeclineError('NO_DEBT', 'the debt was paid back already')
    const { lightning, identity } = this.#options.leases.buyerOf(lease.terms)
    try {
      this.#options.payments.examineRefund({ agreement, invoice, msat, payee: lightning!, peer: identity })
    } catch (error) {
      if (isOurs(error)) throw error
      throw new DeclineError('INVOICE', (error as BushelError).message)
    }
    this.#payingBack.pay(lease, invoice, msat)
    return { body: { ok: 1 } }
  }
}

/** Turns a refusal by the payments into a decline; our own faults stay errors. */
function declineOf(error: unknown): unknown {
  return error instanceof BushelError && error.code === 'INSTALLMENT_REFUSED'
    ? new DeclineError('INSTALLMENT_REFUSED', error.message)
    : error
}
