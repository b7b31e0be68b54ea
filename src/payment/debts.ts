import type { DebtRecord, SignedDebt } from '#spec'
import { decode, encode } from '../../contracts/schema/codec.js'
import { least } from '../../contracts/money/money.js'
import type { Msat } from '../../contracts/money/money.js'
import type { Change } from '../store/facts.js'
import { isSettled } from './ledger.js'
import type { Ledger } from './ledger.js'
import type { Payment } from './payment.js'
import { KeyedMutex } from '../base/mutex.js'

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

/** The store of debts; `Facts` implements it. */
export interface DebtFacts {
  get(kind: string, key: Buffer): Buffer | null
  list(kind: string): Iterable<{ key: Buffer; value: Buffer }>
  set(...changes: Change[]): Promise<void>
}

const KIND = 'debt'
/** Kind of the facts that hold a debt's agreement, by the hash of the installment to settle from it. */
const ASKED = 'credit-asked'

/**
 * Debts for service that was prepaid and not delivered, signed by the provider; one per agreement. The ledger alone says
 * how much of one is settled: by refunds of its agreement, and by installments of other agreements credited from it.
 */
export class Debts {
  readonly #facts: DebtFacts
  readonly #ledger: Ledger
  readonly #mutex = new KeyedMutex()

  constructor(facts: DebtFacts, ledger: Ledger) {
    this.#facts = facts
    this.#ledger = ledger
  }

  /** The change that records a debt, to be set with the end of its agreement. A recorded debt is never replaced. */
  change(role: DebtRole, peer: Buffer, debt: SignedDebt): Change {
    const key = keyOf(role, debt.debt.agreement)
    const record: DebtRecord = { role, peer, debt, settledMsat: 0n, state: 'open' }
    return { kind: KIND, key, value: this.#facts.get(KIND, key) ?? encode('debt-record', record) }
  }

  async save(role: DebtRole, peer: Buffer, debt: SignedDebt): Promise<void> {
    await this.#facts.set(this.change(role, peer, debt))
  }

  get(role: DebtRole, agreement: Buffer): DebtBalance | null {
    const value = this.#facts.get(KIND, keyOf(role, agreement))
    return value && this.#standing(value)
  }

  /** All debts, of one side or both. */
  *list(role?: DebtRole): Generator<DebtBalance> {
    for (const { value } of this.#facts.list(KIND)) {
      const standing = this.#standing(value)
      if (!role || standing.role === role) yield standing
    }
  }

  /** Debts with a peer that are not fully settled, the oldest first. */
  open(role: DebtRole, peer: Buffer): DebtBalance[] {
    return [...this.list(role)]
      .filter(standing => standing.leftMsat > 0n && standing.peer.equals(peer))
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
      await this.#facts.set({ kind: ASKED, key: hash, value: agreement })
      return true
    })
  }

  /** The agreement of the debt that an installment is to be settled from, until the debtor answers. */
  asked(listed: Buffer): Buffer | null {
    return this.#facts.get(ASKED, listed)
  }

  async answered(listed: Buffer): Promise<void> {
    await this.#facts.set({ kind: ASKED, key: listed, value: null })
  }

  /** The agreements with credit requests that their debtor has not answered, each once. */
  unanswered(): Buffer[] {
    const agreements = new Map<string, Buffer>()
    for (const { key } of this.#facts.list(ASKED)) {
      const listed = this.#ledger.byHash(key)
      if (listed) agreements.set(listed.agreement.toString('hex'), listed.agreement)
    }
    return [...agreements.values()]
  }

  #askedMsat(agreement: Buffer): Msat {
    let sum = 0n
    for (const { key, value } of this.#facts.list(ASKED)) {
      const listed = value.equals(agreement) ? this.#ledger.byHash(key) : null
      if (listed && !isSettled(listed.step)) sum += listed.msat
    }
    return sum
  }

  #standing(value: Buffer): DebtBalance {
    const { role, peer, debt } = decode('debt-record', value)
    const { agreement, msat } = debt.debt
    const { refundedMsat, refundOpenMsat } = this.#ledger.totals(agreement)
    const settledMsat = least(msat, refundedMsat + this.#ledger.creditOf(agreement))
    const openMsat = least(msat - settledMsat, refundOpenMsat)
    const asked = role === 'creditor' ? this.#askedMsat(agreement) : 0n
    const askedMsat = least(msat - settledMsat - openMsat, asked)
    const leftMsat = msat - settledMsat - openMsat - askedMsat
    return { role: role as DebtRole, peer, debt, settledMsat, openMsat, askedMsat, leftMsat }
  }
}

function keyOf(role: DebtRole, agreement: Buffer): Buffer {
  return Buffer.concat([Buffer.from([role === 'debtor' ? 0 : 1]), agreement])
}
