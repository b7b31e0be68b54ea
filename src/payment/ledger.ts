import type { PaymentAccount } from '#spec'
import ReadyResource from 'ready-resource'
import type { Msat } from '../../contracts/money/money.js'
import { nameOf } from '../base/states.js'
import type { Store } from '../store/store.js'
import { feeIn, isSettled } from './payment.js'
import type { PaymentDraft, PaymentKind, Payment, PaymentStep, RecordedStep } from './payment.js'
import { currentOf, paymentsOnDisk, recordStep } from './ledger/recording.js'
import { nothingSettled } from './ledger/settled.js'
import type { Direction, SettledSum } from './ledger/settled.js'
import { Spending } from './ledger/spending.js'
import { accountTable, creditTable, ledgerChain, paymentTable, settledTable } from './ledger/tables.js'
import { noTotals } from './ledger/totals.js'
import type { Totals } from './ledger/totals.js'
import { STEP, paymentStates } from './payment-state.js'
import type { Change } from '../store/change.js'
import { trustedNow } from '../base/time/trusted-time.js'

export { intentId, isSettled } from './payment.js'
export type { PaymentDraft, PaymentKind, Payment, PaymentRole, PaymentStep } from './payment.js'
export type { Totals } from './ledger/totals.js'

/**
 * The write-ahead record of every payment of one wallet: an entry is on disk before the step that it announces is taken.
 *
 * An entry and the tables that follow from it are one transaction of the store. Everything here that is read comes from
 * the disk, never from a write under way, although the store shows a write to its readers at once: so nobody can act on a
 * step, or count a payment as made, that a loss of power would take back. Only the check of a new step sees the steps that
 * are being written, because it must refuse what cannot follow them.
 *
 * Events, emitted synchronously: `fault` (error) when a record is refused because of a bug, or a note cannot be written;
 * `ahead` (steps) just before they are written, `written` (payments) as soon as they are on disk, before `record`
 * resolves. A listener must not record.
 */
export class Ledger extends ReadyResource {
  readonly #store: Store
  readonly #wallet: string
  readonly #now: () => number
  readonly #waiting = new Map<string, PaymentDraft[]>()
  /** Records on their way to the disk. */
  readonly #writing = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | null = null
  readonly spending: Spending

  /** `wallet` names the ledger in the store, which has one for each wallet of the home. */
  constructor(store: Store, wallet: string, now: () => number = trustedNow) {
    super()
    this.#store = store
    this.#wallet = wallet
    this.#now = now
    this.spending = new Spending(store, wallet)
    this.setMaxListeners(0)
  }

  /** How many entries the ledgers of all wallets have. */
  get stats(): { entries: number } {
    return { entries: this.#store.chain(ledgerChain).length }
  }

  protected override async _open(): Promise<void> {
    await this.#store.ready()
  }

  protected override async _close(): Promise<void> {
    await this.flush()
  }

  /**
   * Records the next step of each payment; all or none are on disk when it resolves. Steps that were only noted are
   * written with them.
   */
  async record(...drafts: PaymentDraft[]): Promise<void> {
    await this.recordWith([], drafts)
  }

  /** Records steps as `record` does, and makes `changes` in the same transaction. */
  async recordWith(changes: readonly Change[], drafts: readonly PaymentDraft[]): Promise<void> {
    const writing = this.#record(changes, drafts)
    this.#writing.add(writing)
    await writing.finally(() => this.#writing.delete(writing))
  }

  async #record(changes: readonly Change[], drafts: readonly PaymentDraft[]): Promise<void> {
    const all = [...this.#take(), ...drafts]
    if (all.length === 0 && changes.length === 0) return
    const at = this.#now()
    const steps = all.map<RecordedStep>(draft => ({ ...draft, feeMsat: feeIn(draft), at }))
    let payments: Payment[] = []
    await this.#store.write(transaction => {
      payments = steps.map(step =>
        recordStep(transaction, this.#wallet, step, before => this.#demandFollows(before, step))
      )
      for (const change of changes) change.apply(transaction)
      this.emit('ahead', steps)
    })
    for (const { ondisk } of changes) ondisk?.()
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
    return this.#store.table(paymentTable).get([this.#wallet, hash])
  }

  /** The payments of an agreement, by installment; of several hashes for one installment the current one. */
  payments(agreement: Buffer, kind: PaymentKind = 'installment'): Payment[] {
    const of = [this.#wallet, agreement, kind] as const
    const current = new Map<number, Payment>()
    for (const { value } of paymentsOnDisk(this.#store).by('installment', { under: of }))
      current.set(value.installment, value)
    return [...current.values()]
  }

  payment(agreement: Buffer, installment: number, kind: PaymentKind = 'installment'): Payment | null {
    return currentOf(paymentsOnDisk(this.#store), this.#wallet, agreement, kind, installment)
  }

  byHash(hash: Buffer): Payment | null {
    return paymentsOnDisk(this.#store).get([this.#wallet, hash])
  }

  /**
   * All payments at one of these steps from which they are to go on, also on replaced hashes; direct payments that are
   * settled are left out.
   */
  *at(...steps: PaymentStep[]): Iterable<Payment> {
    for (const step of steps) {
      const of = [this.#wallet, nameOf(step)] as const
      for (const { value } of paymentsOnDisk(this.#store).by('waiting', { under: of })) yield value
    }
  }

  /** Every payment, in the order of the hashes. */
  *all(): Iterable<Payment> {
    const of = [this.#wallet] as const
    for (const { value } of paymentsOnDisk(this.#store).list({ under: of })) yield value
  }

  /** The sums of each agreement that has payments. */
  *accounts(): Iterable<{ agreement: Buffer; account: PaymentAccount }> {
    const of = [this.#wallet] as const
    for (const { key, value } of this.#store.tableOnDisk(accountTable).list({ under: of }))
      yield { agreement: key[1], account: value }
  }

  /** The payments that the wallet itself must have settled. */
  settledByWallet(direction: Direction): SettledSum {
    return this.#store.tableOnDisk(settledTable).get([this.#wallet, direction]) ?? nothingSettled()
  }

  /** The payments of an agreement that are settled although another hash of the same installment is. */
  *settledTwice(agreement: Buffer): Iterable<Payment> {
    const of = [this.#wallet, agreement] as const
    let last: Payment | null = null
    for (const { value } of paymentsOnDisk(this.#store).by('installment', { under: of })) {
      if (!isSettled(value.step)) continue
      if (last?.kind === value.kind && last.installment === value.installment) yield value
      last = value
    }
  }

  /** Number of installments settled without a gap from the first. */
  contiguous(agreement: Buffer): number {
    return this.#store.tableOnDisk(accountTable).get([this.#wallet, agreement])?.contiguous ?? 0
  }

  totals(agreement: Buffer): Totals {
    const account = this.#store.tableOnDisk(accountTable).get([this.#wallet, agreement])
    if (!account) return noTotals()
    const { contiguous: _, twice: _twice, largestMsat: _largest, role: _role, ...totals } = account
    return totals
  }

  /** Sum of other agreements' installments settled from the debt of this agreement, msat. */
  creditOf(debt: Buffer): Msat {
    return this.#store.tableOnDisk(creditTable).get([this.#wallet, debt])?.msat ?? 0n
  }

  /**
   * Every record passes here, so that none skips the table of steps. One that it refuses is a bug, and throws. `before`
   * may be a step that is not on disk yet.
   */
  #demandFollows(before: Payment | null, step: RecordedStep): void {
    if (before && (before.role !== step.role || before.msat !== step.msat || !isSameIntent(before, step)))
      throw new Error('one payment hash cannot stand for two payments')
    paymentStates.transition(step.role, before && before.step, step.step, {
      fault: error => this.emit('fault', error)
    })
  }
}

const NOTED_FOR = 50

function isSameIntent(one: RecordedStep, other: RecordedStep): boolean {
  return (
    one.agreement.equals(other.agreement) &&
    one.kind === other.kind &&
    one.installment === other.installment &&
    one.issue === other.issue
  )
}
