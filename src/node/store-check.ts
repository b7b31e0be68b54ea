import type { WalletChoice } from '../identity/config.js'
import { Debts } from '../payment/debts.js'
import type { DebtRole } from '../payment/debts.js'
import { Ledger } from '../payment/ledger.js'
import { debtTable } from '../payment/tables.js'
import { LEASE, leaseStates } from '../storage/lease/lease-state.js'
import { Leases, idOf } from '../storage/lease/leases.js'
import { ledgerOf } from './backend.js'
import type { Store } from '../store/store.js'
import { readingStore } from './home-store.js'

/** What is wrong in the store of a home, a line for each problem. A node may be running on the home. */
export function storeProblems(home: {
  readonly dir: string
  readonly wallet: WalletChoice | null
}): Promise<string[]> {
  const wallet = ledgerOf(home.wallet)
  return readingStore(home.dir, store => {
    const ledger = new Ledger(store, wallet)
    return [...store.check(), ...problemsOfPaid(store, ledger), ...problemsOfDebts(store, ledger)]
  })
}

const PAID: readonly unknown[] = [LEASE.ACTIVE, LEASE.NEXT, LEASE.STORED, LEASE.GRACE]

/** Leases whose state says that the first installment is settled, and the ledger does not. */
function* problemsOfPaid(store: Store, ledger: Ledger): Iterable<string> {
  const leases = new Leases(store)
  for (const role of ['buyer', 'provider'] as const) {
    for (const { id, lease } of leases.open(role)) {
      const { state } = lease
      if (!PAID.includes(state) || ledger.contiguous(id) > 0) continue
      yield `ledger: lease ${idOf(lease)} (${role}) is ${leaseStates.nameOf(state)}, and its first installment is not settled`
    }
  }
}

/** Debts that count as settled, and by the ledger are not. */
function* problemsOfDebts(store: Store, ledger: Ledger): Iterable<string> {
  const debts = new Debts(store, ledger)
  for (const { key, value } of store.table(debtTable).list()) {
    if (value.state !== 'settled') continue
    const [, agreement] = key
    const left = value.debt.debt.msat - debts.get(value.role as DebtRole, agreement)!.settledMsat
    if (left === 0n) continue
    yield `ledger: the debt of ${agreement.toString('hex')} counts as settled, and ${left} msat are left`
  }
}
