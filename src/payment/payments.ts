import ReadyResource from 'ready-resource'
import type { ListedInstallment, InstallmentList, Void } from '#spec'
import type { Msat } from '../../contracts/money/money.js'
import type { Installment } from '../../contracts/money/installments.js'
import { Scope } from '../base/scope.js'
import { settledWithin } from '../base/timeouts.js'
import { readInvoice } from '../lightning/invoice.js'
import type { InvoiceCheck, InvoiceReader, InvoiceReading } from '../lightning/invoice.js'
import type { ReachOptions, Wallet } from '../lightning/wallet.js'
import { checkBalance } from './balance.js'
import type { BalanceCheck } from './balance.js'
import type { PaymentKind, Ledger, Payment } from './ledger.js'
import { isSettled } from './ledger.js'
import { SpendingLimits } from './limits.js'
import { Payee } from './payee.js'
import type { ReissueAnswer } from './payee.js'
import { Payer } from './payer.js'
import type { BindOptions, DirectOptions, RefundInvoice } from './payer.js'
import { NOT_BY_WALLET } from './payment.js'
import { Reconciler } from './reconciler.js'
import { untilReceived } from './events/received.js'
import { refused } from './sending.js'
import { takeOver } from './taking-over.js'
import type { Logger } from '../base/logger.js'
import { logPayments } from './events/payment-log.js'
import { STEP, isUnacknowledged, isUnapplied } from './payment-state.js'
import type { Change } from '../store/change.js'
import { trustedNow } from '../base/time/trusted-time.js'

export type { ReissueAnswer } from './payee.js'
export type { DirectOptions, RefundInvoice } from './payer.js'

export interface PaymentsOptions {
  ledger: Ledger
  wallet: Wallet
  checkInvoice: InvoiceCheck
  readInvoice?: InvoiceReader
  /** None by default. */
  limits?: SpendingLimits
  /** Preimages are derived from it; 32 bytes that never leave this node. */
  secret: Buffer
  log: Logger
  now?: () => number
}

/** The payments that an amount consists of, and an invoice for one of them. */
export type PayingOptions = Pick<ReachOptions, 'amounts' | 'invoice'>

/** How long closing waits for running work, ms. */
const CLOSING = 2000
const ATTEMPTS = 3
const REFUND_EXPIRY_S = 7 * 86_400

/**
 * Makes and receives the payments of agreements for every resource. Each step is in the ledger before it is taken; the
 * outcome of a payment is only ever what the wallet reports for its hash.
 *
 * Event: `received` (payment) when a listed hash was paid to us, once the ledger has it.
 */
export class Payments extends ReadyResource {
  readonly ledger: Ledger
  readonly limits: SpendingLimits
  readonly reconciler: Reconciler
  readonly #options: PaymentsOptions
  readonly #scope = new Scope()
  readonly #payee: Payee
  readonly #payer: Payer
  readonly #onsettled = (hash: Buffer, msat: bigint): void =>
    void this.#payee.receive(hash, msat).catch(this.#fault)
  readonly #fault = (error: unknown): void => this.#options.log.fault(error)

  constructor(options: PaymentsOptions) {
    super()
    this.#options = options
    const { ledger, wallet, checkInvoice, secret, log } = options
    const now = options.now ?? trustedNow
    this.ledger = ledger
    this.limits = options.limits ?? new SpendingLimits({ ledger, real: false, now })
    const reader = options.readInvoice ?? readInvoice
    const onreceived = (payment: Payment): void => void this.emit('received', payment)
    this.#payee = new Payee({ ledger, wallet, secret, onreceived })
    this.#payer = new Payer({ ledger, wallet, limits: this.limits, checkInvoice, readInvoice: reader, now })
    this.reconciler = new Reconciler({
      ledger,
      wallet,
      isPaying: payment => this.#payer.sending.isPaying(payment),
      ask: payment => this.#payer.sending.ask(payment),
      receive: (hash, msat) => this.#payee.receive(hash, msat),
      log,
      now
    })
    this.setMaxListeners(0)
  }

  protected override _open(): Promise<void> {
    const { wallet } = this.#options
    return this.#scope.guard(async () => {
      this.#scope.on(this.ledger, 'fault', this.#fault)
      this.#scope.add(logPayments(this.ledger, this.#options.log))
      await this.#scope.open(this.ledger)
      this.#scope.add(() => this.#stop())
      wallet.on('settled', this.#onsettled)
      this.#scope.add(() => wallet.off('settled', this.#onsettled))
      await this.reconciler.ready()
    })
  }

  protected override _close(): Promise<void> {
    return this.#scope.close()
  }

  /** The next start asks the wallet about payments that are still in flight. */
  async #stop(): Promise<void> {
    const paying = [...this.#payer.sending.working, ...this.#payee.working]
    await settledWithin([this.reconciler.close(), ...paying], CLOSING)
  }

  // Payee

  /** Up to 64 installments from number `from`, each with a payment hash of its own. */
  list(agreement: Buffer, installments: readonly Installment[], from: number): InstallmentList {
    return this.#payee.list(agreement, installments, from)
  }

  /** Invoices for listed installments; the same ones on every call. INSTALLMENT_REFUSED when one can no longer be paid. */
  strip(list: InstallmentList, expirySeconds: number, peer: Buffer | null = null): Promise<string[]> {
    return this.#payee.strip(list, expirySeconds, peer)
  }

  /** Refuses all open installments of this agreement. An installment that was paid meanwhile counts as paid. */
  refuseRest(agreement: Buffer): Promise<void> {
    return this.#payee.refuseRest(agreement)
  }

  /**
   * Replaces the hash of a payment that failed in the payer's wallet: refuses the old hash and lists a new one (sign the
   * void before the answer leaves). A payment that had settled after all is answered with its preimage. A repeated call
   * gives the same answer. INSTALLMENT_REFUSED for a hash that was never listed, or when the agreement is over.
   */
  reissue(failed: Void, expirySeconds: number): Promise<ReissueAnswer> {
    return this.#payee.reissue(failed, expirySeconds)
  }

  /** True when our own wallet has received the installment; waits at most `timeoutMs` for it. */
  async wasReceived(agreement: Buffer, installment: number, timeoutMs: number): Promise<boolean> {
    if (await this.#payee.wasReceived(agreement, installment)) return true
    if (!this.ledger.payment(agreement, installment)) return false
    return untilReceived(this, { agreement, installment, timeoutMs })
  }

  /** An invoice outside of any agreement, which anybody can pay. */
  issue(msat: Msat, description: string, expirySeconds: number): Promise<{ invoice: string; hash: Buffer }> {
    return this.#payee.issue(msat, description, expirySeconds)
  }

  /** Our invoice for a debt of the other side; the same one until it is refused or paid. ALREADY_PAID once it is paid. */
  refundInvoice(
    agreement: Buffer,
    msat: Msat,
    peer: Buffer | null = null,
    expirySeconds = REFUND_EXPIRY_S
  ): Promise<string> {
    return this.#payee.refundInvoice(agreement, msat, peer, expirySeconds)
  }

  /** Refuses our refund invoice, so that the next one gets a new hash; false when it was paid. */
  refuseRefund(agreement: Buffer): Promise<boolean> {
    return this.#payee.refuseRefund(agreement)
  }

  // Payer

  /**
   * Records a signed list, and makes `changes` in the same transaction; on disk when it resolves, so that its strip can be
   * requested.
   */
  intend(list: InstallmentList, peer: Buffer | null = null, changes: readonly Change[] = []): Promise<void> {
    return this.#payer.intend(list, peer, changes)
  }

  /**
   * Checks every invoice of a strip against the signed list and records all of them, or none when one is bad.
   */
  bind(
    list: InstallmentList,
    invoices: readonly string[],
    payee: Buffer,
    peer: Buffer | null = null,
    options: BindOptions = {}
  ): Promise<void> {
    return this.#payer.bind(list, invoices, payee, peer, options)
  }

  /**
   * Makes sure that `msat` can be paid to a node, with the fees, as far as the wallet can tell beforehand; resolves to the
   * fees to expect, msat. Rejects with NO_BALANCE or NO_ROUTE.
   */
  async reach(payee: Buffer, msat: Msat, timeoutMs = 30_000, options: PayingOptions = {}): Promise<Msat> {
    const { wallet } = this.#options
    if (wallet.foresee) return this.foresee(payee, msat, timeoutMs, options)
    await wallet.reach(payee, msat, timeoutMs)
    return 0n
  }

  /** The same before anything is signed; where only `reach` can tell, it resolves to 0. */
  async foresee(payee: Buffer, msat: Msat, timeoutMs = 30_000, options: PayingOptions = {}): Promise<Msat> {
    const maxFeeMsat = (amount: Msat): Msat => this.limits.maxFeeMsat(amount)
    return (await this.#options.wallet.foresee?.(payee, msat, timeoutMs, { ...options, maxFeeMsat })) ?? 0n
  }

  /**
   * Pays one bound installment, once: returns the recorded payment when it is paid already. Rejects with PAYMENT_FAILED,
   * OVER_LIMIT or INVOICE_EXPIRED (nothing was paid), or PAYMENT_PENDING (the outcome is unknown, and no second payment
   * is made).
   */
  pay(agreement: Buffer, installment: number, timeoutMs?: number): Promise<Payment> {
    return this.#payer.pay(agreement, installment, 'installment', timeoutMs)
  }

  /** True while an installment of this agreement is being paid, also before the wallet has sent it. */
  isPaying(agreement: Buffer): boolean {
    return this.ledger.payments(agreement).some(payment => this.#payer.sending.isPaying(payment))
  }

  /** The hash to request a void for; null when our wallet has paid it or may still pay it. */
  voidable(agreement: Buffer, installment: number): Promise<{ hash: Buffer; issue: number } | null> {
    return this.#payer.voidable(agreement, installment)
  }

  /**
   * Replaces the hash of an installment, after the payee has signed that the old hash is void. Without an invoice the new one is
   * only known, and cannot be paid.
   */
  rebind(
    listed: ListedInstallment,
    invoice: string | null,
    payee: Buffer,
    agreement: Buffer
  ): Promise<Payment> {
    return this.#payer.rebind(listed, invoice, payee, agreement)
  }

  /** Records as paid a payment whose preimage the payee has shown, and whose outcome our wallet does not know. */
  learned(agreement: Buffer, installment: number, preimage: Buffer): Promise<Payment> {
    return this.#payer.learned(agreement, installment, preimage)
  }

  /** Reads an invoice and checks that it may be paid; throws when not. Nothing is paid or recorded. */
  examine(invoice: string, options: DirectOptions = {}): InvoiceReading & { msat: Msat } {
    return this.#payer.examine(invoice, options)
  }

  /** The same, and whether it can be paid with its fee, as far as the wallet can tell; gives the fee to expect, msat. */
  foreseeInvoice(
    invoice: string,
    options: DirectOptions = {}
  ): Promise<InvoiceReading & { msat: Msat; feeMsat: Msat }> {
    return this.#payer.foresee(invoice, options)
  }

  /** Pays any invoice, once, within the limits. */
  payInvoice(invoice: string, options: DirectOptions = {}): Promise<Payment> {
    return this.#payer.payInvoice(invoice, options)
  }

  /** Throws INVOICE_REFUSED, INVOICE_EXPIRED or ALREADY_PAID when `payRefund` would. Nothing is paid or recorded. */
  examineRefund(refund: RefundInvoice): void {
    this.#payer.examineRefund(refund)
  }

  /** Pays a debt of ours, once: another invoice is refused while the first is bound, sent or paid. */
  payRefund(refund: RefundInvoice): Promise<Payment> {
    return this.#payer.payRefund(refund)
  }

  // Both sides

  /**
   * Settles an installment from the debt of another agreement (`debt`), as payer or payee; its invoice is never paid
   * then. An installment that the wallet has paid meanwhile is returned as paid.
   */
  async credited(agreement: Buffer, installment: number, debt: Buffer): Promise<Payment> {
    const payment = this.ledger.payment(agreement, installment)
    if (!payment) throw refused(`installment ${installment} is in no signed list`)
    if (isSettled(payment.step)) return payment
    const text = NOT_BY_WALLET.credit + debt.toString('hex')
    return payment.role === 'payer'
      ? this.#payer.count(payment, STEP.credited, text)
      : this.#payee.count(agreement, installment, STEP.credited, text)
  }

  /** Notes that our service has been told of a settled payment. May be repeated; on disk with the next step, within 50 ms. */
  applied(payment: Payment): void {
    const current = this.ledger.byHash(payment.hash)
    if (current && isUnapplied(current.step)) this.ledger.note({ ...current, step: STEP.applied })
  }

  /** Notes that the other side has acknowledged a payment. May be repeated; on disk with the next step, within 50 ms. */
  acknowledged(agreement: Buffer, installment: number, kind: PaymentKind = 'installment'): void {
    const payment = this.ledger.payment(agreement, installment, kind)
    if (payment && isUnacknowledged(payment.step)) this.ledger.note({ ...payment, step: STEP.receipt })
  }

  /**
   * For records that are older than a counter signed by both: installments up to `paidMsat` count as paid (or
   * received), without a preimage. `installments` come from the agreement's signed list, for those that our ledger lacks.
   */
  async takeOver(
    agreement: Buffer,
    paidMsat: Msat,
    installments: readonly ListedInstallment[] = [],
    role: 'payer' | 'payee' = 'payer',
    peer: Buffer | null = null
  ): Promise<void> {
    const { ledger } = this
    const received: Parameters<typeof takeOver>[0]['received'] = (installment, text) =>
      this.#payee.count(agreement, installment, STEP.received, text)
    await takeOver({ ledger, received }, { agreement, paidMsat, installments, role, peer })
  }

  /**
   * Reconciles, then compares the ledger with the wallet's records; see `checkBalance`. Differences are checked a second
   * time before they are reported, since payments may settle meanwhile.
   */
  async checkBalance(consumed?: ReadonlyMap<string, Msat>): Promise<BalanceCheck> {
    for (let attempt = 1; ; attempt++) {
      await this.reconcile()
      const records = await this.#options.wallet.history()
      const check = checkBalance(this.ledger, records, consumed)
      if (check.ok || attempt === ATTEMPTS) return check
    }
  }

  /** Brings the ledger in line with the wallet's records; returns a line for each correction. */
  reconcile(): Promise<string[]> {
    return this.reconciler.run()
  }
}
