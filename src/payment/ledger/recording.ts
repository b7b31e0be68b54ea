import type { PaymentAccount } from '#spec'
import type { Store } from '../../store/store.js'
import type { Table } from '../../store/table.js'
import type { Transaction } from '../../store/transaction.js'
import { entryOf, isSettled } from '../payment.js'
import type { Payment, RecordedStep } from '../payment.js'
import { STEP } from '../payment-state.js'
import { settle } from './settled.js'
import { spend } from './spending.js'
import { accountTable, creditTable, ledgerChain, paymentTable } from './tables.js'
import { add, debtOf, emptyAccount, noteInstallment } from './totals.js'

type Payments = Table<[string, Buffer], Payment, (typeof paymentTable)['indexes']>

/**
 * Adds a step to the chain and changes the tables that follow from it, unless `demand`, which is given the payment as it
 * was, throws. Returns the payment with all that is known of it.
 */
export function recordStep(
  transaction: Transaction,
  wallet: string,
  step: RecordedStep,
  demand: (before: Payment | null) => void
): Payment {
  const { before, payment } = recordPayment(transaction, wallet, step, demand)
  account(transaction, wallet, before, payment)
  if (payment.step === STEP.credited && before?.step !== STEP.credited) credit(transaction, wallet, payment)
  spend(transaction, wallet, before, payment)
  settle(transaction, wallet, before, payment)
  return payment
}

function recordPayment(
  transaction: Transaction,
  wallet: string,
  step: RecordedStep,
  demand: (before: Payment | null) => void
): { before: Payment | null; payment: Payment } {
  let recorded: { before: Payment | null; payment: Payment } | null = null
  transaction.update(paymentTable, [wallet, step.hash], before => {
    demand(before)
    const entry = transaction.append(ledgerChain, { wallet, entry: entryOf(step, before) })
    const payment = completed({ ...step, entry }, before)
    recorded = { before, payment }
    return payment
  })
  return recorded!
}

/** A step with what earlier steps of its hash said. */
export function completed(
  step: Payment,
  before: Pick<Payment, 'text' | 'peer' | 'preimage'> | null
): Payment {
  if (!before) return step
  return {
    ...step,
    text: step.text || before.text,
    peer: step.peer ?? before.peer,
    preimage: step.preimage ?? before.preimage
  }
}

/** The current payment of an installment: of several hashes the settled one, else the last issue. */
export function currentOf(
  payments: Payments,
  ...of: [wallet: string, agreement: Buffer, kind: string, installment: number]
): Payment | null {
  return payments.first('installment', { under: of, reverse: true })?.value ?? null
}

/** The payments of a store as they are on disk. */
export function paymentsOnDisk(store: Store): Payments {
  return store.tableOnDisk(paymentTable)
}

function account(transaction: Transaction, wallet: string, before: Payment | null, payment: Payment): void {
  transaction.update(accountTable, [wallet, payment.agreement], known => {
    const sums: PaymentAccount = known ?? emptyAccount()
    if (before) add(sums, before, -1n)
    add(sums, payment, 1n)
    const { kind, installment, step, agreement } = payment
    noteInstallment(sums, payment)
    if (!isSettled(step)) return sums
    if (!(before && isSettled(before.step)) && isSettledTwice(transaction, wallet, payment)) sums.twice++
    if (kind !== 'installment' || installment !== sums.contiguous) return sums
    const payments = transaction.table(paymentTable)
    do sums.contiguous++
    while (isSettled(currentOf(payments, wallet, agreement, kind, sums.contiguous)?.step ?? STEP.intent))
    return sums
  })
}

/** True when another hash of the same installment is settled as well. */
function isSettledTwice(
  transaction: Transaction,
  wallet: string,
  { agreement, kind, installment }: Payment
): boolean {
  const of = [wallet, agreement, kind, installment] as const
  const last = transaction.table(paymentTable).by('installment', { under: of, reverse: true, limit: 2 })
  return [...last].filter(({ value }) => isSettled(value.step)).length > 1
}

function credit(transaction: Transaction, wallet: string, payment: Payment): void {
  transaction.update(creditTable, [wallet, debtOf(payment)], sum => ({
    msat: (sum?.msat ?? 0n) + payment.msat
  }))
}
