import type { Countersign, Lease, Reissue } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import type { Msat } from '../../../contracts/money/money.js'
import { verify } from '../../../contracts/keys/signature.js'
import { faultOfList } from '../../../contracts/terms.js'
import type { DealChannel } from '../../deal/channel.js'
import type { Change } from '../../store/change.js'
import { isDeclined, unlessDeclined } from '../../deal/decline.js'
import type { Debts } from '../../payment/debts.js'
import type { Payment } from '../../payment/ledger.js'
import { isSettled } from '../../payment/ledger.js'
import { sha256 } from '../../payment/payee.js'
import type { Payments } from '../../payment/payments.js'
import { accountsOf } from '../lease/egress.js'
import type { EgressAccounts } from '../lease/egress.js'
import { isGivenUp } from '../lease/lease-state.js'
import { stripOf } from '../lease/leases.js'
import type { Leases } from '../lease/leases.js'
import { FIRST_ROUTE } from '../../base/timeouts.js'
import { whenBack, whenRouted } from './own-wallet.js'
import type { Timeouts } from '../lease/timeouts.js'
import { STEP } from '../../payment/payment-state.js'

/** So many hashes, one after the other, a device has voided before the next one is in nobody else's hands. */
const OWN_VOIDS = 2

/** Payments of an embedded wallet whose channel is gone, so that only the payee knows their outcome. */
export interface Orphans {
  isOrphan(hash: Buffer): Promise<boolean>
  /** Takes in the payee's answer: the preimage, or null when it has refused the hash for good. */
  resolve(hash: Buffer, preimage: Buffer | null): Promise<void>
}

export interface PayingContext {
  payments: Payments
  leases: Leases
  debts: Debts
  orphans?: Orphans
}

export interface StripOptions {
  /** Rows that belong to a strip. */
  listed?: readonly Change[]
  bound?: () => readonly Change[]
  /** Whether an earlier device of the buyer may have had hashes of it replaced: those get no invoice. */
  mayLack?: boolean
}

/** Settles the installments of a buyer's lease: list, bind, pay or credit, reissue, and announce to the provider. */
export class InstallmentPayment {
  readonly #context: PayingContext
  readonly #timeouts: Timeouts
  readonly #id: Buffer
  readonly #lie: (why: string) => BushelError

  constructor(context: PayingContext, id: Buffer, timeouts: Timeouts, lie: (why: string) => BushelError) {
    this.#context = context
    this.#id = id
    this.#timeouts = timeouts
    this.#lie = lie
  }

  get #lease(): Lease {
    return this.#context.leases.get('buyer', this.#id)!
  }

  get #soon(): { timeoutMs: number } {
    return { timeoutMs: this.#timeouts.answer }
  }

  /**
   * Requests the strip of a signed list, after the list is on disk. `listed` is changed together with the list, and `bound`
   * together with the checked invoices.
   */
  async strip(
    channel: DealChannel,
    { list }: Countersign,
    from: number,
    { listed, bound, mayLack = false }: StripOptions = {}
  ): Promise<void> {
    const { payments } = this.#context
    const { identity, lightning } = this.#lease.terms.provider
    await payments.intend(list, identity, listed)
    const { invoices } = await channel.request('strip', { agreement: this.#id, from }, this.#soon)
    const changes = bound ? { changes: bound } : {}
    await payments.bind(list, invoices, lightning!, identity, { ...changes, mayLack })
  }

  /** Requests the list and strip of an installment unless they are recorded already. `mayLack`: see `StripOptions`. */
  async list(
    channel: DealChannel,
    installment: number,
    { mayLack = false }: Pick<StripOptions, 'mayLack'> = {}
  ): Promise<void> {
    const { leases, payments } = this.#context
    const known = payments.ledger.payment(this.#id, installment)
    if (known && known.step !== STEP.intent) return
    const from = stripOf(installment)
    const { terms } = this.#lease
    let countersign = leases.strip('buyer', this.#id, from)
    const listed: Change[] = []
    if (!countersign) {
      countersign = await channel.request('topup', { agreement: this.#id, from }, this.#soon)
      const fault = faultOfList(countersign.list, terms, from)
      if (fault) throw this.#lie(`its list of installments is wrong: ${fault}`)
      if (!verify('installment-list', countersign.list, countersign.signature, terms.provider.device))
        throw this.#lie('the signature on its list of installments is not valid')
      listed.push(leases.listChange('buyer', this.#id, from, countersign))
    }
    await this.strip(channel, countersign, from, { listed, mayLack })
  }

  /**
   * Settles an installment, once: from a debt of the provider, or over Lightning. Waits for an unreachable wallet, and for a
   * route: before the first payment not for long, because another provider may have one.
   */
  pay(installment: number, open: () => Promise<DealChannel>, signal?: AbortSignal): Promise<Payment> {
    const { wallet, route } = this.#timeouts
    const timeoutMs = installment === 0 ? Math.min(route, FIRST_ROUTE) : route
    const pay = (): Promise<Payment> => whenBack(() => this.#pay(installment, open), wallet, signal)
    return whenRouted(pay, timeoutMs, signal)
  }

  async #pay(installment: number, open: () => Promise<DealChannel>): Promise<Payment> {
    const credited = await this.#fromDebt(installment, open)
    if (credited) return credited
    try {
      return await this.#send(installment)
    } catch (error) {
      if (await this.#neverLeft(installment, error)) return this.#send(installment)
      if (!(await this.#isOver(installment, error))) throw error
      await this.#renew(await open(), installment, error)
      return this.#send(installment)
    }
  }

  /** Pays over Lightning, unless the lease was given up meanwhile. */
  async #send(installment: number): Promise<Payment> {
    if (isGivenUp(this.#lease))
      throw new BushelError('LAPSED', 'the lease was given up before this payment', 'nothing was paid')
    return this.#context.payments.pay(this.#id, installment, this.#timeouts.payment)
  }

  /** True when a wallet that did not answer turns out not to know the payment. Throws when it is unreachable. */
  async #neverLeft(installment: number, error: unknown): Promise<boolean> {
    if (!(error instanceof BushelError) || error.code !== 'PAYMENT_PENDING') return false
    return (await this.#context.payments.voidable(this.#id, installment)) !== null
  }

  /** True when our wallet can never pay the hash: its invoice has expired, or its channel is gone. */
  async #isOver(installment: number, error: unknown): Promise<boolean> {
    if (!(error instanceof BushelError)) return false
    if (error.code === 'PAYMENT_PENDING') {
      const { hash } = this.#context.payments.ledger.payment(this.#id, installment)!
      return (await this.#context.orphans?.isOrphan(hash)) ?? false
    }
    return OVER.has(error.code)
  }

  /**
   * Has the provider void hashes that an earlier device of the buyer may know as well: that device may have paid one, or be paying
   * it still, and one hash must never be paid twice. The hash in place of a known one may be older than the takeover, and in that
   * device's hands too; the hash in place of that one is not.
   */
  async renewKnown(channel: DealChannel, installment: number): Promise<void> {
    const { payments } = this.#context
    const refused = new BushelError(
      'INSTALLMENT_REFUSED',
      'the provider gives no new payment hash in place of one that another device knows'
    )
    for (let i = 0; i < OWN_VOIDS; i++) {
      const known = payments.ledger.payment(this.#id, installment)
      if (!known || isSettled(known.step) || known.step === STEP.sent || this.#isOwn(known.hash)) return
      await this.#renew(channel, installment, refused, hash => this.#isOwn(hash))
    }
  }

  /** Whether this device alone was given the hash: it has had the one before it voided, and that one's before. */
  #isOwn(hash: Buffer): boolean {
    const { leases } = this.#context
    let current = hash
    for (let i = 0; i < OWN_VOIDS; i++) {
      const before = leases.reissue(current)?.void?.void.hash
      if (!before) return false
      current = before
    }
    return true
  }

  /**
   * Has the provider void the old hash, then binds a new one; a payment that had settled after all is recorded. A new hash that may
   * not be paid gets no invoice.
   */
  async #renew(
    channel: DealChannel,
    installment: number,
    failure: unknown,
    mayPay: (hash: Buffer) => boolean = () => true
  ): Promise<void> {
    const { payments, leases, orphans } = this.#context
    const old = payments.ledger.payment(this.#id, installment)!
    if (old.step !== STEP.sent && !(await payments.voidable(this.#id, installment))) return
    const voided = { agreement: this.#id, installment, hash: old.hash }
    const answer = await channel.request('void', voided, this.#soon).catch((error: unknown) => {
      // Without a new hash the original failure is thrown.
      throw isDeclined(error, 'INSTALLMENT_REFUSED') ? failure : error
    })
    if (answer.preimage) {
      if (!sha256(answer.preimage).equals(old.hash)) throw this.#lie('it shows a preimage of another payment')
      await orphans?.resolve(old.hash, answer.preimage)
      await payments.learned(this.#id, installment, answer.preimage)
      return
    }
    const { listed, invoice } = this.#checked(answer, old)
    await orphans?.resolve(old.hash, null)
    await leases.saveReissue(listed.hash, answer)
    const bound = mayPay(listed.hash) ? invoice : null
    await payments.rebind(listed, bound, this.#lease.terms.provider.lightning!, this.#id)
  }

  #checked(
    { void: voided, countersign, invoice }: Reissue,
    old: Payment
  ): { listed: Countersign['list']['installments'][number]; invoice: string } {
    const { device } = this.#lease.terms.provider
    const same =
      voided &&
      voided.void.hash.equals(old.hash) &&
      voided.void.installment === old.installment &&
      voided.void.agreement.equals(this.#id)
    if (!same || !verify('void', voided.void, voided.signature, device))
      throw this.#lie('it does not sign that the old payment hash is void')
    const listed = countersign?.list.installments[0]
    const fits =
      listed &&
      countersign.list.installments.length === 1 &&
      countersign.list.agreement.equals(this.#id) &&
      listed.installment === old.installment &&
      listed.msat === old.msat &&
      listed.issue > old.issue &&
      !listed.hash.equals(old.hash)
    if (!fits || !verify('installment-list', countersign.list, countersign.signature, device))
      throw this.#lie('its new payment hash is not signed for this installment and amount')
    if (!invoice) throw this.#lie('it sends no invoice for the new hash')
    return { listed, invoice }
  }

  /** Settles the installment from a debt of this provider that covers it; null without such a debt, or when it declines. */
  async #fromDebt(installment: number, open: () => Promise<DealChannel>): Promise<Payment | null> {
    const { payments, debts } = this.#context
    const listed = payments.ledger.payment(this.#id, installment)
    if (!listed || isSettled(listed.step) || listed.step === STEP.sent) return null
    if (!debts.asked(listed.hash)) {
      const debt = this.#covering(listed.msat)
      if (!debt || !(await debts.ask(listed, debt))) return null
    }
    return this.#credit(await open(), listed)
  }

  /** The agreement of a debt of this provider that has at least `msat` left. */
  #covering(msat: bigint): Buffer | null {
    const { identity, device } = this.#lease.terms.provider
    for (const { debt, leftMsat } of this.#context.debts.open('creditor', identity)) {
      const { agreement } = debt.debt
      const theirs = this.#context.leases.get('buyer', agreement)?.terms.provider.device
      if (leftMsat >= msat && theirs?.equals(device)) return agreement
    }
    return null
  }

  /** Repeats a credit request until it is answered: a lost answer may have been a yes. */
  async #credit(channel: DealChannel, { installment, hash }: Payment): Promise<Payment | null> {
    const { payments, debts } = this.#context
    const debt = debts.asked(hash)!
    try {
      await channel.request('credit', { agreement: this.#id, installment, debt }, this.#soon)
    } catch (error) {
      if (!isDeclined(error)) throw error
      await debts.answered(hash)
      if (!isDeclined(error, 'CREDIT')) throw error
      return null
    }
    const payment = await payments.credited(this.#id, installment, debt)
    await debts.answered(hash)
    return payment
  }

  /** Upper bound of what the provider has settled, msat: from a debt, or over Lightning. */
  get mostMsat(): Msat {
    const { payments, debts } = this.#context
    return payments.ledger
      .payments(this.#id)
      .filter(({ step, hash }) => isSettled(step) || step === STEP.sent || debts.asked(hash))
      .reduce((sum, { msat }) => sum + msat, 0n)
  }

  /** What the provider has acknowledged that it received, msat. */
  get acknowledgedMsat(): Msat {
    return this.#context.payments.ledger
      .payments(this.#id)
      .filter(({ step }) => step === STEP.receipt || step === STEP.credited)
      .reduce((sum, { msat }) => sum + msat, 0n)
  }

  /** True when the preimage of a payment shows that the provider has received it. */
  get isProven(): boolean {
    return this.#context.payments.ledger
      .payments(this.#id)
      .some(({ step, preimage }) => isSettled(step) && preimage)
  }

  /** True while the provider may have settled an installment that is not settled in our ledger. */
  get isOpen(): boolean {
    const { payments, debts } = this.#context
    const { ledger } = payments
    const asked = ledger.payments(this.#id).some(({ hash }) => debts.asked(hash))
    return asked || payments.isPaying(this.#id) || ledger.totals(this.#id).inFlightMsat > 0n
  }

  /** True while the provider has not acknowledged an installment that is settled. */
  get isUntold(): boolean {
    return this.#context.payments.ledger.payments(this.#id).some(isUntold)
  }

  /** Repeats credit requests that the provider has not answered. */
  async resolve(channel: DealChannel): Promise<void> {
    for (const payment of this.#context.payments.ledger.payments(this.#id)) {
      if (!this.#context.debts.asked(payment.hash)) continue
      if (isSettled(payment.step)) await this.#context.debts.answered(payment.hash)
      else await this.#credit(channel, payment).catch(unlessDeclined)
    }
  }

  /** Tells the provider of settled installments that it has not acknowledged; returns what was fetched, by its count. */
  async tell(channel: DealChannel): Promise<EgressAccounts | null> {
    const { payments } = this.#context
    let egress: EgressAccounts | null = null
    for (const payment of payments.ledger.payments(this.#id)) {
      if (!isUntold(payment)) continue
      const { installment, preimage } = payment
      const answer = await channel.request('paid', { agreement: this.#id, installment, preimage }, this.#soon)
      payments.acknowledged(this.#id, installment)
      egress = accountsOf(answer)
    }
    return egress
  }
}

/** Of what was taken over or credited, which has no preimage, the provider knows. */
function isUntold(payment: Payment): payment is Payment & { preimage: Buffer } {
  return (payment.step === STEP.paid || payment.step === STEP.applied) && payment.preimage !== null
}

const OVER = new Set(['INVOICE_EXPIRED', 'PAYMENT_FAILED'])
