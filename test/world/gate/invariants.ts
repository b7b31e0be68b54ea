import type { MoneyState } from './trader-protocol.js'
import { STEP, isSettled } from '../../../src/payment/payment-state.js'

const OVER = new Set(['ENDED', 'VOID'])

type Entry = MoneyState['payments'][number]

/**
 * What does not add up between a buyer and a provider that deal only with each other; empty when all does.
 */
export function faultsBetween(buyer: MoneyState, provider: MoneyState): string[] {
  return [
    ...buyer.faults.map(fault => `buyer: ${fault}`),
    ...provider.faults.map(fault => `provider: ${fault}`),
    ...ownFaults('buyer', buyer),
    ...ownFaults('provider', provider),
    ...crossFaults(buyer, provider, 'installment'),
    ...crossFaults(provider, buyer, 'refund'),
    ...debtFaults(buyer, provider),
    ...abandoned(buyer, provider),
    ...provider.served
      .filter(({ state, paid }) => (state === 'ACTIVE' || state === 'STORED') && paid === 0)
      .map(() => 'the provider serves what was never paid')
  ]
}

/** One side alone: nothing pending, no intent settled twice, ledger and wallet equal hash by hash. */
function ownFaults(name: string, { payments, records }: MoneyState): string[] {
  const faults: string[] = []
  const intents = new Set<string>()
  const settled = new Map<string, Entry>()
  for (const payment of payments) {
    if (payment.step === STEP.sent) faults.push(`${name}: ${payment.hash.slice(0, 8)} is under way`)
    if (!isSettled(payment.step)) continue
    const intent = `${payment.agreement}/${payment.kind}/${payment.installment}`
    if (intents.has(intent)) faults.push(`${name}: two settled payments for ${intent}`)
    intents.add(intent)
    settled.set(payment.hash, payment)
  }
  for (const { direction, hash, msat, status } of records) {
    if (status === 'pending') faults.push(`${name}: the wallet has ${hash.slice(0, 8)} pending`)
    if (status !== 'succeeded') continue
    const payment = settled.get(hash)
    if (!payment) faults.push(`${name}: the wallet settled ${hash.slice(0, 8)}, the ledger did not`)
    else if (payment.msat !== msat)
      faults.push(`${name}: ${payment.msat} msat in the ledger, ${msat} in the wallet`)
    else if ((payment.role === 'payer') !== (direction === 'sent'))
      faults.push(`${name}: the other direction`)
    settled.delete(hash)
  }
  for (const [hash, { step }] of settled)
    if (step !== STEP.credited)
      faults.push(`${name}: the ledger settled ${hash.slice(0, 8)}, the wallet did not`)
  return faults
}

/** Payments of one side equal receipts of the other, hash by hash. */
function crossFaults(payer: MoneyState, payee: MoneyState, kind: Entry['kind']): string[] {
  const sums = (state: MoneyState, role: Entry['role']): Map<string, string> =>
    new Map(
      state.payments
        .filter(one => one.kind === kind && one.role === role && isSettled(one.step))
        .map(one => [one.hash, one.msat])
    )
  const paid = sums(payer, 'payer')
  const received = sums(payee, 'payee')
  const faults: string[] = []
  for (const [hash, msat] of paid)
    if (received.get(hash) !== msat) faults.push(`${kind} ${hash.slice(0, 8)} was paid and not received`)
  for (const hash of received.keys())
    if (!paid.has(hash)) faults.push(`${kind} ${hash.slice(0, 8)} was received and not paid`)
  return faults
}

/** Both sides know the same debts, and all of them are refunded. */
function debtFaults(buyer: MoneyState, provider: MoneyState): string[] {
  const faults: string[] = []
  const theirs = new Map(provider.owed.map(debt => [debt.agreement, debt]))
  for (const { agreement, msat, settledMsat } of buyer.owed) {
    const debt = theirs.get(agreement)
    if (debt?.msat !== msat) faults.push(`a debt of ${msat} msat that the provider does not know`)
    if (settledMsat !== msat || debt?.settledMsat !== msat)
      faults.push(`${settledMsat} of ${msat} msat are paid back`)
  }
  return faults
}

/** A buyer may give up a paid lease only together with the provider; otherwise nothing is refunded. */
function abandoned(buyer: MoneyState, provider: MoneyState): string[] {
  const theirs = new Map(provider.served.map(lease => [lease.agreement, lease]))
  return buyer.bought
    .filter(({ state, paid }) => OVER.has(state) && paid > 0)
    .filter(({ agreement }) => !OVER.has(theirs.get(agreement)?.state ?? ''))
    .map(({ agreement, state }) => {
      const there = theirs.get(agreement)?.state ?? 'unknown'
      return `lease ${agreement.slice(0, 8)} was paid for and given up without the provider: ${state} here, ${there} there`
    })
}
