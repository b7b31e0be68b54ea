import type { Lease } from '#spec'
import { agreementId } from '../../contracts/terms.js'
import type { WalletChoice } from '../identity/config.js'
import { Ledger } from '../payment/ledger.js'
import { debtTable } from '../payment/tables.js'
import { LEASE, leaseStates } from '../storage/lease/lease-state.js'
import { Leases, idOf } from '../storage/lease/leases.js'
import { ledgerFile } from './backend.js'
import { readingStore } from './home-store.js'

/** What is wrong in the store of a home, a line for each problem. A node may be running on the home. */
export async function storeProblems(home: {
  readonly dir: string
  readonly wallet: WalletChoice | null
}): Promise<string[]> {
  const { problems, leases, settled } = await readingStore(home.dir, store => {
    const leases = new Leases(store)
    return {
      problems: [...store.check()],
      leases: [...leases.open('buyer'), ...leases.open('provider')].map(({ lease }) => lease),
      settled: [...store.table(debtTable).list()].filter(({ value }) => value.state === 'settled')
    }
  })
  // The ledger is written before a lease, so that what is read later has all that the leases rest on.
  const ledger = await Ledger.read(ledgerFile(home.dir, home.wallet))
  const unpaid = [...problemsOfPaid(leases, agreement => ledger.contiguous(agreement))]
  const owed = settled.flatMap(({ key: [, agreement], value }) => {
    const paid = ledger.totals(agreement).refundedMsat + ledger.creditOf(agreement)
    const left = value.debt.debt.msat - paid
    return left > 0n
      ? [`ledger: the debt of ${agreement.toString('hex')} counts as settled, and ${left} msat are left`]
      : []
  })
  return [...problems, ...unpaid, ...owed]
}

const PAID: readonly unknown[] = [LEASE.ACTIVE, LEASE.STORED, LEASE.GRACE]

/** Leases whose state says that the first installment is settled, and the ledger does not. */
function* problemsOfPaid(
  leases: readonly Lease[],
  settled: (agreement: Buffer) => number
): Generator<string, void, void> {
  for (const lease of leases) {
    if (!PAID.includes(lease.state) || settled(agreementId(lease.terms)) > 0) continue
    const { role, state } = lease
    yield `ledger: lease ${idOf(lease)} (${role}) is ${leaseStates.nameOf(state)}, and its first installment is not settled`
  }
}
