import type { Debts } from '../../../src/payment/debts.js'
import type { Wallet } from '../../../src/lightning/wallet.js'
import type { Payments } from '../../../src/payment/payments.js'
import { consumed } from '../../../src/storage/lease/consumed.js'
import type { Leases } from '../../../src/storage/lease/leases.js'
import type { MoneyState } from './trader-protocol.js'
import { nameOf } from '../../../src/base/states.js'

export interface Books {
  payments: Payments
  storage: { leases: Leases; debts: Debts }
  wallet: Pick<Wallet, 'history'>
}

/** Everything about money on one side, as plain JSON. */
export async function moneyStateOf({
  payments,
  storage: { leases, debts },
  wallet
}: Books): Promise<MoneyState> {
  const { ledger } = payments
  const check = await payments.checkBalance(consumed(leases, ledger, debts, Date.now()))
  const settled = [...ledger.all()].map(one => ({
    agreement: one.agreement.toString('hex'),
    role: one.role,
    kind: one.kind,
    installment: one.installment,
    issue: one.issue,
    hash: one.hash.toString('hex'),
    msat: one.msat.toString(),
    step: one.step
  }))
  const records = (await wallet.history()).map(one => ({
    direction: one.direction,
    hash: one.paymentHash.toString('hex'),
    msat: one.msat.toString(),
    status: one.status
  }))
  const owed = [...debts.list()].map(({ debt, settledMsat }) => ({
    agreement: debt.debt.agreement.toString('hex'),
    msat: debt.debt.msat.toString(),
    settledMsat: settledMsat.toString()
  }))
  const served = [...leases.list('provider')].map(({ id, lease }) => ({
    agreement: id.toString('hex'),
    state: nameOf(lease.state),
    paid: ledger.contiguous(id)
  }))
  const bought = [...leases.list('buyer')].map(({ id, lease }) => ({
    agreement: id.toString('hex'),
    state: nameOf(lease.state),
    paid: ledger.contiguous(id)
  }))
  return { ok: check.ok, faults: check.faults, payments: settled, records, owed, served, bought }
}
