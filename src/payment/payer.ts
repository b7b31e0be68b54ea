import type { ListedInstallment, InstallmentList } from '#spec'
import { BushelError } from '../../contracts/errors/error.js'
import { formatAmount } from '../../contracts/money/money.js'
import type { Msat } from '../../contracts/money/money.js'
import { invoiceDescription } from '../../contracts/terms.js'
import type { PaymentDraft, PaymentKind, Ledger, Payment } from './ledger.js'
import { isSettled } from './ledger.js'
import type { SpendingLimits } from './limits.js'
import { blank, refundDescription, sha256 } from './payee.js'
import { NOT_BY_WALLET } from './payment.js'
import { Sending, alreadyPaid, refused } from './sending.js'
import { KeyedMutex } from '../base/mutex.js'
import type { InvoiceCheck, InvoiceReader, InvoiceReading } from '../lightning/invoice.js'
import type { Wallet } from '../lightning/wallet.js'
import { STEP, isUnsent } from './payment-state.js'
import type { PaymentStep } from './payment-state.js'
import type { Change } from '../store/change.js'

export interface PayerOptions {
  ledger: Ledger
  wallet: Wallet
  limits: SpendingLimits
  checkInvoice: InvoiceCheck
  readInvoice: InvoiceReader
  now: () => number
}

export interface DirectOptions {
  /** Highest accepted amount of the invoice, msat; none: any amount. */
  maxMsat?: Msat
  timeoutMs?: number
}

export interface BindOptions {
  /** Called when all invoices are good; what it gives is changed in the same transaction. */
  changes?: () => readonly Change[]
  /** Whether invoices may be missing (empty): another device of ours has had those hashes replaced. They cannot be paid. */
  mayLack?: boolean
}

/** A debt of ours, and the other side's invoice for it. */
export interface RefundInvoice {
  agreement: Buffer
  invoice: string
  msat: Msat
  payee: Buffer
  peer?: Buffer | null
  /** Runs the binding, so that the owner of the debt can check that enough of it is left. */
  bind?: (work: () => Promise<void>) => Promise<void>
}

const REACH_TIMEOUT = 30_000

/** Pays listed and signed hashes by invoices that were checked against them, each once. */
export class Payer {
  readonly #options: PayerOptions
  readonly sending: Sending
  readonly #mutex = new KeyedMutex()

  constructor(options: PayerOptions) {
    this.#options = options
    this.sending = new Sending(options)
  }

  get #ledger(): Ledger {
    return this.#options.ledger
  }

  async intend(list: InstallmentList, peer: Buffer | null, changes: readonly Change[]): Promise<void> {
    const fresh = list.installments.filter(listed => !this.#known(list.agreement, listed))
    const drafts = fresh.map(listed => draftOf(list.agreement, listed, peer, STEP.intent, ''))
    await this.#ledger.recordWith(changes, drafts)
  }

  async bind(
    list: InstallmentList,
    invoices: readonly string[],
    payee: Buffer,
    peer: Buffer | null,
    { changes = () => [], mayLack = false }: BindOptions
  ): Promise<void> {
    const { agreement, installments } = list
    if (invoices.length !== installments.length)
      throw refused(`the payee sent ${invoices.length} invoices for ${installments.length} installments`)
    const fresh = installments.flatMap((listed, i) => {
      const known = this.#known(agreement, listed)
      const isReplaced = known !== null && !known.hash.equals(listed.hash)
      if (known && (isReplaced || !isUnsent(known.step))) return []
      if (mayLack && !invoices[i]) return []
      const { expiresAt } = this.#check(agreement, listed, invoices[i]!, payee)
      if (known?.step === STEP.bound) return []
      this.sending.binds(listed.hash, expiresAt)
      return [draftOf(agreement, listed, known?.peer ?? peer, STEP.bound, invoices[i]!)]
    })
    await this.#ledger.recordWith(changes(), fresh)
  }

  /**
   * The recorded payment of a listed installment, or null; of a hash that an earlier device of ours has had replaced, that on the
   * later one. Throws when its hash or amount contradicts the record.
   */
  #known(agreement: Buffer, { installment, issue, hash, msat }: ListedInstallment): Payment | null {
    const current = this.#ledger.payment(agreement, installment)
    const known = this.#ledger.byHash(hash)
    if (!known) {
      if (current?.role === 'payer' && current.issue > issue && current.msat === msat) return current
      if (current) throw refused(`the payee gave installment ${installment} a second hash`)
      return null
    }
    const same =
      known.agreement.equals(agreement) && known.kind === 'installment' && known.installment === installment
    if (!same || known.role !== 'payer')
      throw refused(`the hash of installment ${installment} already belongs to another payment`)
    if (known.msat !== msat || known.issue !== issue)
      throw refused(`installment ${installment} differs from the signed list`)
    return known
  }

  #check(
    agreement: Buffer,
    { installment, hash, msat }: ListedInstallment,
    invoice: string,
    payee: Buffer
  ): { expiresAt: number } {
    return this.#options.checkInvoice(invoice, {
      network: this.#options.wallet.network,
      paymentHash: hash,
      msat,
      payee,
      description: invoiceDescription(agreement, installment),
      now: this.#options.now()
    })
  }

  /** The hash that may be replaced by a new issue; null when the wallet has paid it or may still pay it. */
  async voidable(agreement: Buffer, installment: number): Promise<{ hash: Buffer; issue: number } | null> {
    const payment = this.#ledger.payment(agreement, installment)
    if (payment?.role !== 'payer' || isSettled(payment.step)) return null
    if (this.sending.isPaying(payment)) return null
    const { status } = await this.sending.ask(payment)
    return status === 'pending' || status === 'succeeded'
      ? null
      : { hash: payment.hash, issue: payment.issue }
  }

  async rebind(
    listed: ListedInstallment,
    invoice: string | null,
    payee: Buffer,
    agreement: Buffer
  ): Promise<Payment> {
    const known = this.#ledger.byHash(listed.hash)
    const old = this.#ledger.payment(agreement, listed.installment)
    if (old?.role !== 'payer') throw refused(`installment ${listed.installment} is in no signed list`)
    if (known?.hash.equals(old.hash) && known.issue === listed.issue && known.msat === listed.msat)
      return known
    if (known)
      throw refused(`the hash of installment ${listed.installment} already belongs to another payment`)
    if (listed.issue <= old.issue || listed.msat !== old.msat)
      throw refused(`installment ${listed.installment} differs from the signed list`)
    if (invoice !== null)
      this.sending.binds(listed.hash, this.#check(agreement, listed, invoice, payee).expiresAt)
    const step = invoice === null ? STEP.intent : STEP.bound
    await this.sending.withheld(old, current =>
      this.#ledger.record(
        { ...current, step: STEP.void },
        draftOf(agreement, listed, current.peer, step, invoice ?? '')
      )
    )
    return this.#ledger.payment(agreement, listed.installment)!
  }

  async learned(agreement: Buffer, installment: number, preimage: Buffer): Promise<Payment> {
    const payment = this.#ledger.byHash(sha256(preimage))
    if (
      payment?.role !== 'payer' ||
      payment.installment !== installment ||
      !payment.agreement.equals(agreement)
    )
      throw refused(`the preimage fits no payment for installment ${installment}`)
    if (isSettled(payment.step)) return payment
    await this.sending.ask(payment)
    const current = this.#ledger.byHash(payment.hash)!
    if (!isSettled(current.step))
      await this.#ledger.record({ ...current, step: STEP.paid, preimage, text: NOT_BY_WALLET.learned })
    return this.#ledger.byHash(payment.hash)!
  }

  /** Records an installment as settled for a reason in `NOT_BY_WALLET`; the wallet never pays it then. */
  async count(payment: Payment, step: PaymentStep, text: string): Promise<Payment> {
    await this.sending.withheld(payment, current => this.#ledger.record({ ...current, step, text }))
    return this.#ledger.byHash(payment.hash)!
  }

  async payInvoice(invoice: string, options: DirectOptions): Promise<Payment> {
    const { paymentHash: hash } = this.#options.readInvoice(invoice, this.#options.wallet.network)
    await this.#mutex.run(hash.toString('hex'), () => this.#bindDirect(invoice, options))
    return this.sending.pay(hash, 0, 'direct', options.timeoutMs)
  }

  /** Reads an invoice and checks that the user may pay it: once, within the limits. Throws when not; nothing is paid. */
  examine(invoice: string, { maxMsat }: DirectOptions): InvoiceReading & { msat: Msat } {
    const { wallet, limits, now } = this.#options
    const read = this.#options.readInvoice(invoice, wallet.network)
    const { paymentHash: hash, msat, expiresAt } = read
    const known = this.#ledger.byHash(hash)
    if (known && isSettled(known.step) && known.role === 'payer') throw alreadyPaid(known)
    if (known && (known.role !== 'payer' || known.kind !== 'direct'))
      throw refused(
        known.role === 'payee'
          ? 'this node issued the invoice itself'
          : 'the invoice belongs to an agreement, which pays it'
      )
    if (msat === null)
      throw new BushelError(
        'NO_AMOUNT',
        'the invoice names no amount; nothing was paid',
        'ask for an invoice with an amount'
      )
    if (!known && expiresAt <= now())
      throw new BushelError(
        'INVOICE_EXPIRED',
        'the invoice has expired; nothing was paid',
        'ask for a new invoice'
      )
    if (maxMsat !== undefined && msat > maxMsat)
      throw new BushelError(
        'OVER_LIMIT',
        `the invoice asks for ${formatAmount(msat)}, more than ${formatAmount(maxMsat)}; nothing was paid`,
        'allow more, or ask for a smaller invoice'
      )
    const fault = known ? null : limits.faultOf({ msat, agreement: hash })
    if (fault) throw fault
    return { ...read, msat }
  }

  /**
   * The same, and asks the wallet for the fee to expect, msat, as far as it can tell. Throws NO_BALANCE or NO_ROUTE where the
   * payment would fail with it.
   */
  async foresee(
    invoice: string,
    options: DirectOptions
  ): Promise<InvoiceReading & { msat: Msat; feeMsat: Msat }> {
    const read = this.examine(invoice, options)
    const { wallet } = this.#options
    if (wallet.foresee) return { ...read, feeMsat: await this.#reach(invoice, read, options) }
    // Only `reach` could tell more, and it may open a channel.
    const { spendableMsat } = await wallet.balance()
    if (spendableMsat < read.msat)
      throw new BushelError(
        'NO_BALANCE',
        `the balance is too small: ${formatAmount(read.msat)} are needed, and ${formatAmount(spendableMsat)} are all there is`,
        'nothing was paid; see: bushel wallet'
      )
    return { ...read, feeMsat: 0n }
  }

  /** Makes sure that an invoice can be paid; gives the fee to expect, which counts against what the user allows. */
  async #reach(
    invoice: string,
    { payee, msat }: { payee: Buffer; msat: Msat },
    { maxMsat }: DirectOptions
  ): Promise<Msat> {
    const { wallet, limits } = this.#options
    const how = { invoice, maxFeeMsat: (amount: Msat): Msat => limits.maxFeeMsat(amount) }
    if (!wallet.foresee) {
      await wallet.reach(payee, msat, REACH_TIMEOUT, how)
      return 0n
    }
    const feeMsat = await wallet.foresee(payee, msat, REACH_TIMEOUT, how)
    if (maxMsat !== undefined && msat + feeMsat > maxMsat)
      throw new BushelError(
        'OVER_LIMIT',
        `the invoice asks for ${formatAmount(msat)}, which costs a fee of about ${formatAmount(feeMsat)}: together more than ` +
          `${formatAmount(maxMsat)}; nothing was paid`,
        'allow more, or ask for a smaller invoice'
      )
    return feeMsat
  }

  async #bindDirect(invoice: string, options: DirectOptions): Promise<void> {
    const { wallet } = this.#options
    const read = this.examine(invoice, options)
    const { paymentHash: hash, msat, expiresAt } = read
    const known = this.#ledger.byHash(hash)
    if (!known) {
      const state = await wallet.payment(hash)
      const draft: PaymentDraft = {
        ...blank({ agreement: hash, kind: 'direct', installment: 0, issue: 0, peer: null, hash, msat }),
        role: 'payer',
        step: STEP.bound,
        text: invoice
      }
      if (state.status === 'succeeded') {
        await this.#ledger.record({
          ...draft,
          step: STEP.paid,
          preimage: state.preimage,
          feeMsat: state.feeMsat
        })
        throw alreadyPaid(this.#ledger.byHash(hash)!)
      }
      if (state.status !== 'pending') await this.#reach(invoice, read, options)
      await this.#ledger.record(draft)
      this.sending.binds(hash, expiresAt)
    }
  }

  async payRefund(refund: RefundInvoice): Promise<Payment> {
    const { agreement, bind } = refund
    const work = (): Promise<void> => this.#bindRefund(refund)
    await this.#mutex.run(`${agreement.toString('hex')}/refund`, () => (bind ? bind(work) : work()))
    return this.sending.pay(agreement, 0, 'refund')
  }

  /** Checks the invoice for a debt. Gives its hash, the refund in the ledger, and when a new invoice expires. */
  examineRefund({ agreement, invoice, msat, payee }: RefundInvoice): {
    hash: Buffer
    current: Payment | null
    /** Null when this very invoice is recorded. */
    expiresAt: number | null
  } {
    const { wallet, checkInvoice, readInvoice, now } = this.#options
    const { network } = wallet
    const { paymentHash: hash } = readInvoice(invoice, network)
    const current = this.#ledger.payment(agreement, 0, 'refund')
    if (current?.hash.equals(hash)) {
      // It would pay too much if part of the debt was settled meanwhile.
      if (current.msat !== msat) throw refused('the refund invoice is not for the rest of the debt')
      return { hash, current, expiresAt: null }
    }
    if (this.#ledger.byHash(hash))
      throw refused('the hash of the refund invoice already belongs to another payment')
    if (current && isSettled(current.step)) throw alreadyPaid(current)
    if (current?.step === STEP.bound && !this.sending.expired(current))
      throw refused('another invoice for this refund is about to be paid')
    const description = refundDescription(agreement)
    const expected = { network, paymentHash: hash, msat, payee, description, now: now() }
    return { hash, current, expiresAt: checkInvoice(invoice, expected).expiresAt }
  }

  async #bindRefund(refund: RefundInvoice): Promise<void> {
    const { agreement, invoice, msat, peer = null } = refund
    const { hash, current, expiresAt } = this.examineRefund(refund)
    if (expiresAt === null) {
      // A failed refund is open again before the debt is used for anything else.
      if (current?.step === STEP.failed) await this.#ledger.record({ ...current, step: STEP.bound })
      return
    }
    this.sending.binds(hash, expiresAt)
    const issue = current ? current.issue + 1 : 0
    const draft: PaymentDraft = {
      ...blank({ agreement, kind: 'refund', installment: 0, issue, peer, hash, msat }),
      role: 'payer',
      step: STEP.bound,
      text: invoice
    }
    if (!current) return this.#ledger.record(draft)
    // Another invoice is accepted only when the previous one can no longer be paid.
    const bind = (old: Payment): Promise<void> => this.#ledger.record({ ...old, step: STEP.void }, draft)
    if ((await this.sending.withheld(current, bind)) === null) throw alreadyPaid(current)
  }

  pay(agreement: Buffer, installment: number, kind: PaymentKind, timeoutMs?: number): Promise<Payment> {
    return this.sending.pay(agreement, installment, kind, timeoutMs)
  }
}

function draftOf(
  agreement: Buffer,
  listed: ListedInstallment,
  peer: Buffer | null,
  step: PaymentStep,
  text: string
): PaymentDraft {
  const { installment, issue, hash, msat } = listed
  return {
    ...blank({ agreement, kind: 'installment', installment, issue, peer, hash, msat }),
    role: 'payer',
    step,
    text
  }
}
