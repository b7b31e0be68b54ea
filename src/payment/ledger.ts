import ReadyResource from 'ready-resource'
import { decode, encode } from '../../contracts/schema/codec.js'
import type { Msat } from '../../contracts/money/money.js'
import { Journal } from '../store/journal.js'
import { entryOf, isSettled, paymentOf } from './payment.js'
import type { PaymentDraft, PaymentKind, Payment, PaymentStep } from './payment.js'
import { STEP, isOpen, paymentStates } from './payment-state.js'
import { Spending } from './spending.js'

export { intentId, isSettled } from './payment.js'
export type { PaymentDraft, PaymentKind, Payment, PaymentRole, PaymentStep } from './payment.js'

export interface Totals {
  /** Settled installments, with those settled from a debt. */
  paidMsat: Msat
  feesMsat: Msat
  receivedMsat: Msat
  inFlightMsat: Msat
  /** Paid back, to us or by us. */
  refundedMsat: Msat
  /** A refund that may still be paid: its invoice was sent or bound, or the payment is in flight. */
  refundOpenMsat: Msat
  /** The part of `paidMsat` that was settled from a debt. */
  creditedMsat: Msat
  /** How many installments are settled. */
  payments: number
}

/** What the ledger knows of one agreement. */
interface AgreementAccount {
  agreement: Buffer
  /** The current payment of each installment, by kind: of several hashes the settled one, else the last issue. */
  current: Record<PaymentKind, Map<number, Payment>>
  totals: Totals
  contiguous: number
}

/**
 * The write-ahead record of every payment: an entry is on disk before the step that it announces is taken.
 *
 * Events, emitted synchronously: `fault` (error) when a record is refused because of a bug, or a note cannot be written; `ahead` (payments) just before they are written, `written` (payments) as soon as they
 * are on disk, before `record` resolves.
 */
export class Ledger extends ReadyResource {
  readonly #journal: Journal
  readonly #now: () => number
  readonly #accounts = new Map<string, AgreementAccount>()
  readonly #byHash = new Map<string, Payment>()
  readonly #byStep = new Map<PaymentStep, Map<string, Payment>>()
  /** Sum of the credits from each debt, by the text of the installments. */
  readonly #credits = new Map<string, Msat>()
  /** By hash: the step that is being written. */
  readonly #ahead = new Map<string, Payment>()
  readonly #waiting = new Map<string, PaymentDraft[]>()
  /** Records on their way to the disk. */
  readonly #writing = new Set<Promise<void>>()
  #last: AgreementAccount | null = null
  #timer: NodeJS.Timeout | null = null
  readonly spending = new Spending()

  constructor(file: string, now: () => number = Date.now) {
    super()
    this.#now = now
    this.#journal = new Journal(file, entry => this.#apply(paymentOf(decode('ledger-entry', entry))))
    this.setMaxListeners(0)
  }

  /** Reads the ledger of a node that may be running. */
  static async read(file: string): Promise<Ledger> {
    const ledger = new Ledger(file)
    await Journal.read(file, entry => ledger.#apply(paymentOf(decode('ledger-entry', entry))))
    return ledger
  }

  get stats(): Journal['stats'] {
    return this.#journal.stats
  }

  protected override async _open(): Promise<void> {
    await this.#journal.ready()
  }

  protected override async _close(): Promise<void> {
    await this.flush().finally(() => this.#journal.close())
  }

  /**
   * Records the next step of each payment; all or none are on disk when it resolves. Steps that were only noted are
   * written with them.
   */
  async record(...drafts: PaymentDraft[]): Promise<void> {
    const writing = this.#record(drafts)
    this.#writing.add(writing)
    await writing.finally(() => this.#writing.delete(writing))
  }

  async #record(drafts: readonly PaymentDraft[]): Promise<void> {
    const all = [...this.#take(), ...drafts]
    if (all.length === 0) return
    const at = this.#now()
    const payments = all.map<Payment>(draft => ({ ...draft, at }))
    try {
      for (const payment of payments) this.#guard(payment)
      this.emit('ahead', payments)
      const entries = payments.map(payment => entryOf(payment, this.byHash(payment.hash)))
      await this.#journal.append(...entries.map(entry => encode('ledger-entry', entry)))
      for (const payment of payments) this.#apply(payment)
    } finally {
      for (const payment of payments) {
        const key = payment.hash.toString('hex')
        if (this.#ahead.get(key) === payment) this.#ahead.delete(key)
      }
    }
    this.emit('written', payments)
  }

  /**
   * Notes a step that can be repeated when it is lost (applied, receipt): it is written with the next `record`, or alone
   * within 50 ms.
   */
  note(draft: PaymentDraft): void {
    const key = draft.hash.toString('hex')
    const waiting = this.#waiting.get(key) ?? []
    // What was acknowledged needs no other note.
    if (waiting.some(({ step }) => step === draft.step || step === STEP.receipt)) return
    this.#waiting.set(key, [...waiting, draft])
    this.#timer ??= setTimeout(() => void this.flush().catch(error => this.emit('fault', error)), NOTED_FOR)
  }

  /** Resolves when everything noted or recorded before is on disk. */
  async flush(): Promise<void> {
    if (this.#waiting.size > 0) await this.record()
    await Promise.all(this.#writing)
  }

  #take(): PaymentDraft[] {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const drafts = [...this.#waiting.values()].flat()
    this.#waiting.clear()
    // A note may be late: a step beyond it is on disk, or on its way there.
    return drafts.filter(({ hash }) => this.#latest(hash)?.step !== STEP.receipt)
  }

  /** The last step of a hash, also when it is not on disk yet. */
  #latest(hash: Buffer): Payment | null {
    return this.#ahead.get(hash.toString('hex')) ?? this.byHash(hash)
  }

  /** The payments of an agreement, by installment; of several hashes for one installment the current one. */
  payments(agreement: Buffer, kind: PaymentKind = 'installment'): Payment[] {
    const account = this.#accounts.get(agreement.toString('hex'))
    return account ? [...account.current[kind].values()].sort((a, b) => a.installment - b.installment) : []
  }

  payment(agreement: Buffer, installment: number, kind: PaymentKind = 'installment'): Payment | null {
    return this.#accounts.get(agreement.toString('hex'))?.current[kind].get(installment) ?? null
  }

  byHash(hash: Buffer): Payment | null {
    return this.#byHash.get(hash.toString('hex')) ?? null
  }

  /** All payments at one of these steps, also on replaced hashes. */
  *at(...steps: PaymentStep[]): Generator<Payment> {
    for (const step of steps) yield* this.#byStep.get(step)?.values() ?? []
  }

  /** Every payment, by hash, in the order in which they were first recorded. */
  all(): IterableIterator<Payment> {
    return this.#byHash.values()
  }

  /** The agreements that have payments. */
  agreements(): Buffer[] {
    return [...this.#accounts.values()].map(({ agreement }) => agreement)
  }

  /** Number of installments settled without a gap from the first. */
  contiguous(agreement: Buffer): number {
    return this.#accounts.get(agreement.toString('hex'))?.contiguous ?? 0
  }

  totals(agreement: Buffer): Totals {
    return { ...(this.#accounts.get(agreement.toString('hex'))?.totals ?? noTotals()) }
  }

  /** Sum of other agreements' installments settled from the debt of this agreement, msat. */
  creditOf(debt: Buffer): Msat {
    return this.#credits.get(debt.toString('hex')) ?? 0n
  }

  /** Every record passes here, so that none skips the table of steps. One that it refuses is a bug, and throws. */
  #guard(payment: Payment): void {
    const before = this.#latest(payment.hash)
    if (
      before &&
      (before.role !== payment.role || before.msat !== payment.msat || intentOf(before) !== intentOf(payment))
    )
      throw new Error('one payment hash cannot stand for two payments')
    paymentStates.transition(payment.role, before && before.step, payment.step, {
      fault: error => this.emit('fault', error)
    })
    this.#ahead.set(payment.hash.toString('hex'), payment)
  }

  /** Caches the last account, since steps of one agreement mostly follow each other. */
  #account(agreement: Buffer): AgreementAccount {
    if (this.#last?.agreement.equals(agreement)) return this.#last
    const id = agreement.toString('hex')
    let account = this.#accounts.get(id)
    if (!account) this.#accounts.set(id, (account = newAccount(agreement)))
    this.#last = account
    return account
  }

  #apply(payment: Payment): void {
    const key = payment.hash.toString('hex')
    const before = this.#byHash.get(key) ?? null
    if (before) {
      payment.text ||= before.text
      payment.peer ??= before.peer
      payment.preimage ??= before.preimage
      this.#byStep.get(before.step)?.delete(key)
    }
    this.#byHash.set(key, payment)
    let step = this.#byStep.get(payment.step)
    if (!step) this.#byStep.set(payment.step, (step = new Map()))
    step.set(key, payment)

    const account = this.#account(payment.agreement)
    if (before) add(account.totals, before, -1n)
    add(account.totals, payment, 1n)
    const installments = account.current[payment.kind]
    const current = installments.get(payment.installment)
    if (!current || current.hash.equals(payment.hash) || outranks(payment, current))
      installments.set(payment.installment, payment)
    while (isSettled(account.current.installment.get(account.contiguous)?.step ?? STEP.intent))
      account.contiguous++
    if (payment.step === STEP.credited && before?.step !== STEP.credited) {
      const debt = debtOf(payment)
      this.#credits.set(debt, (this.#credits.get(debt) ?? 0n) + payment.msat)
    }
    this.spending.apply(payment)
  }
}

const NOTED_FOR = 50

/** True when `payment` is the current one of its installment: a settled hash first, then the later issue. */
function outranks(payment: Payment, current: Payment): boolean {
  if (isSettled(payment.step) !== isSettled(current.step)) return isSettled(payment.step)
  return payment.issue > current.issue
}

function intentOf({ agreement, kind, installment, issue }: Payment): string {
  return `${agreement.toString('hex')}/${kind}/${installment}/${issue}`
}

function debtOf({ text }: Payment): string {
  return text.slice(text.lastIndexOf(' ') + 1)
}

function newAccount(agreement: Buffer): AgreementAccount {
  return {
    agreement,
    current: { installment: new Map(), refund: new Map(), direct: new Map() },
    totals: noTotals(),
    contiguous: 0
  }
}

function noTotals(): Totals {
  return {
    paidMsat: 0n,
    feesMsat: 0n,
    receivedMsat: 0n,
    inFlightMsat: 0n,
    refundedMsat: 0n,
    refundOpenMsat: 0n,
    creditedMsat: 0n,
    payments: 0
  }
}

/** Adds a payment to the sums (sign 1) or subtracts it (-1). */
function add(totals: Totals, { step, role, kind, msat, feeMsat }: Payment, sign: 1n | -1n): void {
  if (isSettled(step)) totals.feesMsat += sign * feeMsat
  if (kind === 'refund') {
    if (isSettled(step)) totals.refundedMsat += sign * msat
    else if (isOpen(step)) totals.refundOpenMsat += sign * msat
    return
  }
  if (step === STEP.sent) totals.inFlightMsat += sign * msat
  if (!isSettled(step)) return
  if (role === 'payer') totals.paidMsat += sign * msat
  else totals.receivedMsat += sign * msat
  if (step === STEP.credited) totals.creditedMsat += sign * msat
  totals.payments += Number(sign)
}
