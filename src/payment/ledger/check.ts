import type { FlightSum, PaymentAccount } from '#spec'
import type { Msat } from '../../../contracts/money/money.js'
import type { Store } from '../../store/store.js'
import type { AnyTable } from '../../store/definition.js'
import { byWallet, isSettled, stepOf } from '../payment.js'
import type { Payment } from '../payment.js'
import { STEP } from '../payment-state.js'
import { completed } from './recording.js'
import { addSettled, directionOf, nothingSettled } from './settled.js'
import type { SettledSum } from './settled.js'
import { flightAfter, spendingChanges } from './spending.js'
import {
  accountTable,
  creditTable,
  flightTable,
  ledgerChain,
  paymentTable,
  settledTable,
  spentTable
} from './tables.js'
import { add, debtOf, emptyAccount, noteInstallment } from './totals.js'

/** What the tables should have, by the key of the row in hex. */
interface Expected {
  payments: Map<string, Payment>
  flight: Map<string, FlightSum>
  spent: Map<string, { msat: Msat }>
}

/** Compares the tables with the entries of the chain, from the first on: a line for each problem. */
export function* problemsOfLedger(store: Store): Iterable<string> {
  const { payments, flight, spent } = replayed(store)
  yield* differences(store, paymentTable, payments)
  yield* differences(store, accountTable, accountsOf(payments))
  yield* differences(store, creditTable, creditsOf(payments))
  yield* differences(store, flightTable, flight)
  yield* differences(store, spentTable, spent)
  yield* differences(store, settledTable, settledOf(payments))
}

function replayed(store: Store): Expected {
  const expected: Expected = { payments: new Map(), flight: new Map(), spent: new Map() }
  for (const { seq, value } of store.chain(ledgerChain).entries()) {
    const step = { ...stepOf(value.entry!), entry: seq }
    const key = hex(paymentTable, [value.wallet, step.hash])
    const before = expected.payments.get(key) ?? null
    const payment = completed(step, before)
    expected.payments.set(key, payment)
    replaySpending(expected, value.wallet, before, payment)
  }
  return expected
}

function replaySpending(expected: Expected, wallet: string, before: Payment | null, payment: Payment): void {
  for (const { peer, flight, paid } of spendingChanges(before, payment)) {
    if (flight) {
      const id = hex(flightTable, [wallet, peer])
      const sum = flightAfter(expected.flight.get(id) ?? null, flight)
      if (sum) expected.flight.set(id, sum)
      else expected.flight.delete(id)
    }
    if (paid) {
      const id = hex(spentTable, [wallet, peer, paid.period])
      expected.spent.set(id, { msat: (expected.spent.get(id)?.msat ?? 0n) + paid.msat })
    }
  }
}

/** The sums of each agreement, added up anew from its payments. */
function accountsOf(payments: ReadonlyMap<string, Payment>): Map<string, PaymentAccount> {
  const accounts = new Map<string, PaymentAccount>()
  const settled = new Set<string>()
  for (const [key, payment] of payments) {
    const { agreement, kind, installment, step } = payment
    const id = hex(accountTable, [walletOf(key), agreement])
    const sums = accounts.get(id) ?? emptyAccount()
    add(sums, payment, 1n)
    noteInstallment(sums, payment)
    accounts.set(id, sums)
    if (!isSettled(step)) continue
    const intent = `${id}/${kind}/${installment}`
    if (settled.has(intent)) sums.twice++
    settled.add(intent)
  }
  for (const [id, sums] of accounts)
    while (settled.has(`${id}/installment/${sums.contiguous}`)) sums.contiguous++
  return accounts
}

function creditsOf(payments: ReadonlyMap<string, Payment>): Map<string, { msat: Msat }> {
  const credits = new Map<string, { msat: Msat }>()
  for (const [key, payment] of payments) {
    if (payment.step !== STEP.credited) continue
    const id = hex(creditTable, [walletOf(key), debtOf(payment)])
    credits.set(id, { msat: (credits.get(id)?.msat ?? 0n) + payment.msat })
  }
  return credits
}

function settledOf(payments: ReadonlyMap<string, Payment>): Map<string, SettledSum> {
  const sums = new Map<string, SettledSum>()
  for (const [key, payment] of payments) {
    if (!byWallet(payment)) continue
    const id = hex(settledTable, [walletOf(key), directionOf(payment.role)])
    sums.set(id, addSettled(sums.get(id) ?? nothingSettled(), payment))
  }
  return sums
}

function* differences<T>(store: Store, table: unknown, expected: ReadonlyMap<string, T>): Iterable<string> {
  const definition = table as AnyTable
  const left = new Map(expected)
  for (const { key, value } of store.table(definition).list()) {
    const id = hex(definition, key)
    const found = left.get(id)
    if (!found || !same(definition, found, value)) yield wrong(definition, id)
    left.delete(id)
  }
  for (const id of left.keys()) yield missing(definition, id)
}

function same(table: unknown, one: unknown, other: unknown): boolean {
  const { codec } = table as AnyTable
  return codec.encode(one).equals(codec.encode(other))
}

function hex(table: unknown, key: unknown): string {
  return (table as AnyTable).key.write(key).toString('hex')
}

function walletOf(key: string): string {
  return paymentTable.key.read(Buffer.from(key, 'hex'), 0).key[0]
}

function wrong({ name }: { name: string }, key: string): string {
  return `table ${name}: row ${key} is not what the entries of the chain give`
}

function missing({ name }: { name: string }, key: string): string {
  return `table ${name}: row ${key} is missing, by the entries of the chain`
}
