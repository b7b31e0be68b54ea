import ReadyResource from 'ready-resource'
import type { ListedInstallment, InstallmentList } from '#spec'
import type { Msat } from '../../contracts/money/money.js'
import type { Installment } from '../../contracts/money/installments.js'
import { Scope } from '../base/scope.js'
import { settledWithin } from '../base/settled.js'
import { readInvoice } from '../lightning/invoice.js'
import type { InvoiceCheck, InvoiceReader, InvoiceReading } from '../lightning/invoice.js'
import type { Wallet } from '../lightning/wallet.js'
import { checkBalance } from './balance.js'
import type { BalanceCheck } from './balance.js'
import type { PaymentKind, Ledger, Payment } from './ledger.js'
import { isSettled } from './ledger.js'
import { SpendingLimits } from './limits.js'
import { Payee } from './payee.js'
import type { ReissueAnswer } from './payee.js'
import { Payer } from './payer.js'
import type { DirectOptions, RefundInvoice } from './payer.js'
import { NOT_BY_WALLET } from './payment.js'
import { Reconciler } from './reconciler.js'
import { untilReceived } from './received.js'
import { refused } from './sending.js'
import { takeOver } from './taking-over.js'
import type { Logger } from '../base/logger.js'
import { logPayments } from './payment-log.js'

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

/** How long closing waits for what is under way, ms. */
const CLOSING = 2000
const ATTEMPTS = 3
const REFUND_EXPIRY_S = 7 * 86_400

/**
 * Takes and makes the payments of agreements, whatever is sold. Everything is in the ledger before it is done; what
 * became of a payment is only ever what the wallet says of its hash.
 *
 * Event: `received` (payment) when a listed hash is paid to us, after it is in the ledger.
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
    const now = options.now ?? Date.now
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

  /** A payment that is still under way then is asked for again, by its hash, at the next start. */
  async #stop(): Promise<void> {
    const paying = [...this.#payer.sending.working, ...this.#payee.working]
    await settledWithin([this.reconciler.close(), ...paying], CLOSING)
  }

  // What is owed to us

  /** The installments of up to 64 installments from `from`: each hash is that of a preimage derived for this installment alone. */
  list(agreement: Buffer, installments: readonly Installment[], from: number): InstallmentList {
    return this.#payee.list(agreement, installments, from)
  }

  /** Invoices for listed installments. Asked again it gives the same ones; INSTALLMENT_REFUSED when one is not taken any more. */
  strip(list: InstallmentList, expirySeconds: number, peer: Buffer | null = null): Promise<string[]> {
    return this.#payee.strip(list, expirySeconds, peer)
  }

  /** No installment of this agreement that is still open is taken any more. One that was paid meanwhile counts as paid. */
  refuseRest(agreement: Buffer): Promise<void> {
    return this.#payee.refuseRest(agreement)
  }

  /**
   * The payer's wallet says that a payment on this hash failed: from here on it is refused, and a new one is listed
   * (sign the void before the answer leaves). Where it had settled after all its preimage is the answer. Asked again it
   * answers the same; INSTALLMENT_REFUSED for a hash that was never listed, or when the agreement is over.
   */
  reissue(
    agreement: Buffer,
    installment: number,
    hash: Buffer,
    expirySeconds: number
  ): Promise<ReissueAnswer> {
    return this.#payee.reissue(agreement, installment, hash, expirySeconds)
  }

  /** True when the installment is paid to us, by our own wallet's word, waiting at most `timeoutMs` for it. */
  async wasReceived(agreement: Buffer, installment: number, timeoutMs: number): Promise<boolean> {
    if (await this.#payee.wasReceived(agreement, installment)) return true
    if (!this.ledger.payment(agreement, installment)) return false
    return untilReceived(this, { agreement, installment, timeoutMs })
  }

  /** An invoice for anybody, outside of any agreement. */
  issue(msat: Msat, description: string, expirySeconds: number): Promise<{ invoice: string; hash: Buffer }> {
    return this.#payee.issue(msat, description, expirySeconds)
  }

  /** Our invoice for a debt of the other side; while it stands, the same again. ALREADY_PAID once it is paid. */
  refundInvoice(
    agreement: Buffer,
    msat: Msat,
    peer: Buffer | null = null,
    expirySeconds = REFUND_EXPIRY_S
  ): Promise<string> {
    return this.#payee.refundInvoice(agreement, msat, peer, expirySeconds)
  }

  /** Refuses our refund invoice, so that the next one has another hash; false when it was paid. */
  refuseRefund(agreement: Buffer): Promise<boolean> {
    return this.#payee.refuseRefund(agreement)
  }

  // What we owe

  /** A signed list is here: on disk before its strip is asked for. */
  intend(list: InstallmentList, peer: Buffer | null = null): Promise<void> {
    return this.#payer.intend(list, peer)
  }

  /** Takes a strip: every invoice is checked against the signed list before any is kept; one bad, and none is. */
  bind(
    list: InstallmentList,
    invoices: readonly string[],
    payee: Buffer,
    peer: Buffer | null = null
  ): Promise<void> {
    return this.#payer.bind(list, invoices, payee, peer)
  }

  /** Makes sure that so much can be paid to a node; rejects with NO_BALANCE or NO_ROUTE. */
  async reach(payee: Buffer, msat: Msat, timeoutMs = 30_000): Promise<void> {
    await this.#options.wallet.reach(payee, msat, timeoutMs)
  }

  /**
   * Pays one bound installment, once: an installment that is paid is given back as it stands. Rejects with PAYMENT_FAILED,
   * OVER_LIMIT or INVOICE_EXPIRED (nothing was paid), or PAYMENT_PENDING (in limbo: nobody knows yet, and no second
   * payment is made).
   */
  pay(agreement: Buffer, installment: number, timeoutMs?: number): Promise<Payment> {
    return this.#payer.pay(agreement, installment, 'installment', timeoutMs)
  }

  /** True while an installment of this agreement is being paid, also before it is on its way. */
  isPaying(agreement: Buffer): boolean {
    return this.ledger.payments(agreement).some(payment => this.#payer.sending.isPaying(payment))
  }

  /** The hash that a void may be asked for, by our wallet's word; null when it is paid, or may yet be. */
  voidable(agreement: Buffer, installment: number): Promise<{ hash: Buffer; issue: number } | null> {
    return this.#payer.voidable(agreement, installment)
  }

  /** Gives up the hash of an installment for a new one, after the payee has signed that it refuses the old. */
  rebind(listed: ListedInstallment, invoice: string, payee: Buffer, agreement: Buffer): Promise<Payment> {
    return this.#payer.rebind(listed, invoice, payee, agreement)
  }

  /** The payee has shown the preimage of a payment that our wallet knows no end of. */
  learned(agreement: Buffer, installment: number, preimage: Buffer): Promise<Payment> {
    return this.#payer.learned(agreement, installment, preimage)
  }

  /** What an invoice says, if it may be paid as it is; throws why not. Nothing is paid or recorded. */
  examine(invoice: string, options: DirectOptions = {}): InvoiceReading & { msat: Msat } {
    return this.#payer.examine(invoice, options)
  }

  /** Pays any invoice, once, within the limits. */
  payInvoice(invoice: string, options: DirectOptions = {}): Promise<Payment> {
    return this.#payer.payInvoice(invoice, options)
  }

  /** Pays a debt of ours, once: another invoice for it is declined while the first is bound, sent or paid. */
  payRefund(refund: RefundInvoice): Promise<Payment> {
    return this.#payer.payRefund(refund)
  }

  // Both sides

  /**
   * An installment is settled from the debt of another agreement (`debt`), on either side; its invoice is never paid then. A
   * installment that the wallet has paid meanwhile is given back as paid.
   */
  async credited(agreement: Buffer, installment: number, debt: Buffer): Promise<Payment> {
    const payment = this.ledger.payment(agreement, installment)
    if (!payment) throw refused(`installment ${installment} was never listed`)
    if (isSettled(payment.step)) return payment
    const text = NOT_BY_WALLET.credit + debt.toString('hex')
    return payment.role === 'payer'
      ? this.#payer.count(payment, 'credited', text)
      : this.#payee.count(agreement, installment, 'credited', text)
  }

  /** Our service knows of it. May be noted again; on disk with the next step, within 50 ms. */
  applied(payment: Payment): void {
    const { hash, step } = this.ledger.byHash(payment.hash) ?? payment
    if (step === 'paid' || step === 'received')
      this.ledger.note({ ...this.ledger.byHash(hash)!, step: 'applied' })
  }

  /** The other side knows of it. May be noted again; on disk with the next step, within 50 ms. */
  acknowledged(agreement: Buffer, installment: number, kind: PaymentKind = 'installment'): void {
    const payment = this.ledger.payment(agreement, installment, kind)
    if (payment && ['paid', 'received', 'applied'].includes(payment.step))
      this.ledger.note({ ...payment, step: 'receipt' })
  }

  /**
   * Our records are older than a counter that both have signed: installments up to `paidMsat` count as paid (or received),
   * without a preimage. `installments` are those of the agreement's signed list, where our ledger does not know them.
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
      this.#payee.count(agreement, installment, 'received', text)
    await takeOver({ ledger, received }, { agreement, paidMsat, installments, role, peer })
  }

  /**
   * The ledger held against the wallet's records, reconciled first; see `checkBalance`. What moves meanwhile is looked
   * at again before it is called a fault.
   */
  async checkBalance(consumed?: ReadonlyMap<string, Msat>): Promise<BalanceCheck> {
    for (let attempt = 1; ; attempt++) {
      await this.reconcile()
      const records = await this.#options.wallet.history()
      const check = checkBalance(this.ledger, records, consumed)
      if (check.ok || attempt === ATTEMPTS) return check
    }
  }

  /** What became of everything that was under way, by the wallet's own records; gives a line for each thing mended. */
  reconcile(): Promise<string[]> {
    return this.reconciler.run()
  }
}
