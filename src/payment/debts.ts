import type { DebtRecord, SignedDebt } from '#spec'
import { least } from '../../contracts/money/money.js'
import type { Msat } from '../../contracts/money/money.js'
import { change } from '../store/change.js'
import type { Change } from '../store/change.js'
import type { Store } from '../store/store.js'
import { isSettled } from './ledger.js'
import type { Ledger } from './ledger.js'
import type { Payment } from './payment.js'
import { KeyedMutex } from '../base/mutex.js'
import { askedTable, debtTable } from './tables.js'

export type DebtRole = 'debtor' | 'creditor'

/** A signed debt, and how much of it is settled by the ledger. */
export interface DebtBalance {
  role: DebtRole
  /** Identity of the other side. */
  peer: Buffer
  debt: SignedDebt
  settledMsat: Msat
  /** Part of the rest: a refund that may still be paid. It must not be settled in another way meanwhile. */
  openMsat: Msat
  /** Part of the rest: installments that the debtor was asked to settle from it and has not answered yet. */
  askedMsat: Msat
  /** Neither settled nor being settled. */
  leftMsat: Msat
}

/**
 * Debts for service that was prepaid and not delivered, signed by the provider; one per agreement. The ledger says how much of
 * one is settled: by refunds of its agreement, and by installments of other agreements credited from it. What an earlier device
 * of the creditor has had of it stands in the record.
 */
export class Debts {
  readonly #store: Store
  readonly #ledger: Ledger
  readonly #mutex = new KeyedMutex()

  constructor(store: Store, ledger: Ledger) {
    this.#store = store
    this.#ledger = ledger
  }

  /** The change that records a debt, to be set with the end of its agreement. A recorded debt is never replaced. */
  change(role: DebtRole, peer: Buffer, debt: SignedDebt): Change {
    const key: [string, Buffer] = [role, debt.debt.agreement]
    const record: DebtRecord = { role, peer, debt, settledMsat: 0n, state: 'open' }
    return {
      apply(transaction) {
        if (!transaction.table(debtTable).has(key)) transaction.put(debtTable, key, record)
      }
    }
  }

  async save(role: DebtRole, peer: Buffer, debt: SignedDebt): Promise<void> {
    await this.#store.set(this.change(role, peer, debt))
  }

  get(role: DebtRole, agreement: Buffer): DebtBalance | null {
    const record = this.#store.table(debtTable).get([role, agreement])
    return record && this.#standing(record)
  }

  /** All debts, of one side or both. */
  *list(role?: DebtRole): Iterable<DebtBalance> {
    const range = role ? ({ under: [role] } as const) : {}
    for (const { value } of this.#store.table(debtTable).list(range)) yield this.#standing(value)
  }

  /** Debts of one side, without those that `sweep` found settled. */
  *unsettled(role: DebtRole): Iterable<DebtBalance> {
    const rows = this.#store.table(debtTable).by('open', { under: role })
    for (const { value } of rows) yield this.#standing(value)
  }

  /**
   * Notes that only so much is left of a debt to us, by the word of the debtor: an earlier device of ours has had the rest. False
   * when that is no news. Call it in `settling`.
   */
  async settledElsewhere(agreement: Buffer, leftMsat: Msat): Promise<boolean> {
    const record = this.#store.table(debtTable).get(['creditor', agreement])
    if (!record) return false
    const standing = this.#standing(record)
    const less = standing.openMsat + standing.leftMsat - leftMsat
    // What the debtor has not answered yet may be in what it says.
    if (less <= 0n || standing.askedMsat > 0n) return false
    const settledMsat = record.settledMsat + less
    await this.#store.set(change(debtTable, ['creditor', agreement], { ...record, settledMsat }))
    return true
  }

  /** Marks the debts that the ledger has settled in full, so that nothing looks at them again. */
  async sweep(): Promise<void> {
    const settled = [...this.#store.table(debtTable).by('open')].filter(({ value }) => {
      const { debt, settledMsat } = this.#standing(value)
      return settledMsat === debt.debt.msat
    })
    if (settled.length === 0) return
    await this.#store.set(
      ...settled.map(({ key, value }) => change(debtTable, key, { ...value, state: 'settled' }))
    )
  }

  /** Debts with a peer that are not fully settled, the oldest first. */
  open(role: DebtRole, peer: Buffer): DebtBalance[] {
    const rows = this.#store.table(debtTable).by('openWith', { under: [role, peer] })
    return [...rows]
      .map(({ value }) => this.#standing(value))
      .filter(standing => standing.leftMsat > 0n)
      .sort((a, b) => a.debt.debt.at - b.debt.debt.at)
  }

  /**
   * Runs the settlements of one debt one after the other, so that each sees what the one before has left and records its
   * own part before the next.
   */
  settling<T>(agreement: Buffer, work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(agreement.toString('hex'), work)
  }

  /**
   * Records, before the debtor is asked, that an installment is to be settled from a debt. False when too little of the
   * debt is left.
   */
  ask({ hash, msat }: Pick<Payment, 'hash' | 'msat'>, agreement: Buffer): Promise<boolean> {
    return this.settling(agreement, async () => {
      if ((this.get('creditor', agreement)?.leftMsat ?? 0n) < msat) return false
      await this.#store.set(change(askedTable, hash, agreement))
      return true
    })
  }

  /** The agreement of the debt that an installment is to be settled from, until the debtor answers. */
  asked(listed: Buffer): Buffer | null {
    return this.#store.table(askedTable).get(listed)
  }

  async answered(listed: Buffer): Promise<void> {
    await this.#store.set(change(askedTable, listed, null))
  }

  /** The agreements with credit requests that their debtor has not answered, each once. */
  unanswered(): Buffer[] {
    const agreements = new Map<string, Buffer>()
    for (const { key } of this.#store.table(askedTable).list()) {
      const listed = this.#ledger.byHash(key)
      if (listed) agreements.set(listed.agreement.toString('hex'), listed.agreement)
    }
    return [...agreements.values()]
  }

  #askedMsat(agreement: Buffer): Msat {
    let sum = 0n
    const asked = this.#store.table(askedTable).by('debt', { under: agreement })
    for (const { key } of asked) {
      const listed = this.#ledger.byHash(key)
      if (listed && !isSettled(listed.step)) sum += listed.msat
    }
    return sum
  }

  #standing({ role, peer, debt, settledMsat: elsewhere }: DebtRecord): DebtBalance {
    const { agreement, msat } = debt.debt
    const { refundedMsat, refundOpenMsat } = this.#ledger.totals(agreement)
    const settledMsat = least(msat, refundedMsat + this.#ledger.creditOf(agreement) + elsewhere)
    const openMsat = least(msat - settledMsat, refundOpenMsat)
    const asked = role === 'creditor' ? this.#askedMsat(agreement) : 0n
    const askedMsat = least(msat - settledMsat - openMsat, asked)
    const leftMsat = msat - settledMsat - openMsat - askedMsat
    return { role: role as DebtRole, peer, debt, settledMsat, openMsat, askedMsat, leftMsat }
  }
}
