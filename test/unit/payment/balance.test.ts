import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { checkBalance } from '../../../src/payment/balance.js'
import type { BalanceCheck } from '../../../src/payment/balance.js'
import type { WalletRecord } from '../../../src/lightning/payment-records.js'
import { AGREEMENT, BUYER, OTHER, PROVIDER, bound, ends, hashOf } from '../../parts/payment/ends.js'
import type { End } from '../../parts/payment/ends.js'

async function check(end: End, consumed: Record<string, bigint> = {}): Promise<BalanceCheck> {
  return checkBalance(end.ledger, await end.wallet.history(), new Map(Object.entries(consumed)))
}

/** The provider pays so much of the agreement back, msat. */
async function refunded(buyer: End, provider: End, msat: bigint): Promise<void> {
  const invoice = await buyer.payments.refundInvoice(AGREEMENT, msat, PROVIDER)
  await provider.payments.payRefund({
    agreement: AGREEMENT,
    invoice,
    msat,
    payee: buyer.wallet.nodeId,
    peer: BUYER
  })
}

const ID = AGREEMENT.toString('hex')

/** The two ends of `listed` installments, of which the first two are paid and received. */
async function twoPaid(t: TestContext, listed: number): Promise<{ payer: End; payee: End }> {
  const both = await ends(t)
  await bound(both.payer, both.payee, listed)
  for (const installment of [0, 1]) await both.payer.payments.pay(AGREEMENT, installment)
  assert.ok(await both.payee.payments.wasReceived(AGREEMENT, 1, 1000))
  return both
}

/** The faults of an end whose wallet has these records, and that has consumed so much of the agreement, msat. */
function faultsOf({ ledger }: End, records: WalletRecord[], consumed = 0n): string[] {
  return checkBalance(ledger, records, new Map([[ID, consumed]])).faults
}

test('on both sides the balance is paid minus refunded minus consumed minus in flight', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  await bound(buyer, provider, 4)
  await bound(buyer, provider, 2, OTHER)
  for (const installment of [0, 1]) await buyer.payments.pay(AGREEMENT, installment)
  assert.ok(await provider.payments.wasReceived(AGREEMENT, 1, 1000))
  for (const end of [buyer, provider]) await end.payments.credited(OTHER, 0, AGREEMENT)
  await refunded(buyer, provider, 400n)
  const direct = await provider.payments.issue(1_234n, 'a coffee', 60)
  await buyer.payments.payInvoice(direct.invoice)
  buyer.wallet.next = 'pend'
  await assert.rejects(buyer.payments.pay(AGREEMENT, 2), { code: 'PAYMENT_PENDING' })
  await provider.payments.reconcile()
  const [mine, theirs] = [await check(buyer, { [ID]: 4_000n }), await check(provider, { [ID]: 4_000n })]
  assert.deepEqual(mine.faults, [])
  assert.deepEqual(theirs.faults, [])
  const { accounts, lines, ...sums } = mine
  assert.deepEqual(sums, {
    ok: true,
    paidMsat: 5_000n + 5_001n + 5_002n + 5_000n,
    receivedMsat: 0n,
    refundedMsat: 400n + 5_000n,
    feesMsat: 21n,
    inFlightMsat: 5_002n,
    consumedMsat: 4_000n,
    balanceMsat: 10_001n - 5_400n - 4_000n + 5_000n,
    owedMsat: 0n,
    ledgerPaidMsat: 10_001n + 1_234n,
    ledgerReceivedMsat: 400n,
    walletPaidMsat: 10_001n + 1_234n,
    walletReceivedMsat: 400n,
    faults: []
  })
  assert.deepEqual(
    accounts.map(({ agreement, role }) => [agreement, role]),
    [
      [AGREEMENT, 'payer'],
      [OTHER, 'payer']
    ]
  )
  for (const { paidMsat, refundedMsat, consumedMsat, inFlightMsat, balanceMsat } of accounts)
    assert.equal(paidMsat - refundedMsat - consumedMsat - inFlightMsat, balanceMsat)
  assert.equal(theirs.owedMsat, mine.balanceMsat)
  assert.equal(theirs.receivedMsat, 10_001n + 5_000n)
  assert.deepEqual(lines, [
    'paid 20.003 sat - refunded 5.4 sat - consumed 4 sat - in flight 5.002 sat = 5.601 sat prepaid by us',
    'ledger: 11.235 sat out, 0.4 sat in; wallet: 11.235 sat out, 0.4 sat in; fees 0.021 sat'
  ])
})

test('each discrepancy is a fault of its own', async t => {
  const { payer, payee } = await twoPaid(t, 4)
  const clean = await payer.wallet.history()
  assert.deepEqual(faultsOf(payer, clean), [])
  const one = (changed: object): typeof clean => [{ ...clean[0]!, ...changed }, ...clean.slice(1)]
  // The wallet has fewer, other, later or more payments than the ledger.
  assert.match(
    faultsOf(payer, clean.slice(1)).join(),
    /installment 0.0 .*not settled by the wallet.*5001 msat/
  )
  assert.match(faultsOf(payer, one({ status: 'failed' })).join(), /not settled by the wallet/)
  assert.match(faultsOf(payer, one({ msat: 4_999n })).join(), /10001 msat paid, the wallet 10000 msat/)
  assert.match(faultsOf(payer, one({ feeMsat: 8n })).join(), /14 msat of fees, the wallet 15 msat/)
  assert.match(faultsOf(payer, [...clean, clean[0]!]).join(), /settled one hash twice/)
  const other = { ...clean[0]!, paymentHash: hashOf(payer, 2) }
  assert.match(
    faultsOf(payer, [...clean, other]).join(),
    /installment 2.0 .*settled by the wallet, bound in the ledger/
  )
  assert.match(
    faultsOf(payer, [...clean, { ...other, status: 'pending' }]).join(),
    /in flight by the wallet, bound in the ledger/
  )
  assert.deepEqual(
    faultsOf(payer, [...clean, { ...other, paymentHash: Buffer.alloc(32, 77) }]),
    [],
    'not ours to know'
  )
  // Service beyond one installment, as seen by the provider.
  const theirs = await payee.wallet.history()
  assert.deepEqual(faultsOf(payee, theirs, 10_001n + 5_003n), [])
  assert.match(faultsOf(payee, theirs, 10_001n + 5_004n).join(), /unpaid, more than one installment/)
  // Two hashes for one installment.
  const payment = payer.ledger.payment(AGREEMENT, 0)!
  await payer.ledger.record({ ...payment, issue: 1, hash: Buffer.alloc(32, 88) })
  assert.match(faultsOf(payer, clean).join(), /settled twice, on two hashes/)
  const { ok, lines } = await check(payer)
  assert.equal(ok, false)
  assert.ok(lines.some(line => line.startsWith('FAULT: ')))
})

test('a refund above the paid amount is a fault', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  await bound(buyer, provider)
  await buyer.payments.pay(AGREEMENT, 0)
  await refunded(buyer, provider, 5_001n)
  assert.match((await check(provider)).faults.join(), /paid back, more than was paid/)
})

test('a node that buys and sells has sums and a line for each', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  await bound(payee, payer, 2, OTHER)
  await payer.payments.pay(AGREEMENT, 0)
  for (const installment of [0, 1]) await payee.payments.pay(OTHER, installment)
  for (const end of [payer, payee]) await end.payments.reconcile()
  const { lines, faults, ...sums } = await check(payer, { [ID]: 1_000n, [OTHER.toString('hex')]: 2_000n })
  assert.deepEqual(faults, [])
  assert.deepEqual([sums.paidMsat, sums.balanceMsat], [5_000n, 4_000n])
  assert.deepEqual([sums.receivedMsat, sums.owedMsat], [10_001n, 8_001n])
  assert.deepEqual(lines.slice(0, 2), [
    'paid 5 sat - refunded 0 sat - consumed 1 sat - in flight 0 sat = 4 sat prepaid by us',
    'received 10.001 sat - refunded 0 sat - consumed 2 sat - in flight 0 sat = 8.001 sat prepaid to us'
  ])
})

test('what the wallet has beside the payments of the ledger is no fault, and each missing payment is one', async t => {
  const { payer, payee } = await twoPaid(t, 3)
  const [mine, theirs] = [await payer.wallet.history(), await payee.wallet.history()]
  const unpaid = { ...mine[0]!, paymentHash: hashOf(payer, 2) }
  // A failed attempt, one that the other side is waiting for, and payments of another direction.
  assert.deepEqual(faultsOf(payer, [...mine, { ...unpaid, status: 'failed' }]), [])
  assert.deepEqual(faultsOf(payer, [...mine, { ...mine[0]!, direction: 'received' }]), [])
  assert.deepEqual(faultsOf(payee, [...theirs, { ...unpaid, direction: 'received', status: 'pending' }]), [])
  // A payment of another direction does not stand for the missing one, and the others are not named.
  const lost = faultsOf(payer, [{ ...mine[0]!, direction: 'received' }, ...mine.slice(1)])
  assert.match(lost[0]!, /^installment 0\.0 of .*: paid in the ledger, not settled by the wallet$/)
  assert.deepEqual(lost.slice(1), [
    'the ledger has 10001 msat paid, the wallet 5001 msat',
    'the ledger has 14 msat of fees, the wallet 7 msat'
  ])
  // Less than the installment has come in; more is a gift.
  const came = (msat: bigint): string => faultsOf(payee, [{ ...theirs[0]!, msat }, ...theirs.slice(1)]).join()
  assert.equal(came(4_999n), 'the ledger has 10001 msat received, the wallet 10000 msat')
  assert.equal(came(5_001n), '')
  // Service of more than was paid is a loss of the provider alone.
  assert.deepEqual(faultsOf(payer, mine, 99_000n), [])
})

test('payments that count without the wallet, and that it has after all, are in both sums', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  const invoices = payer.ledger.payments(AGREEMENT).map(({ text }) => text)
  for (const end of [payer, payee]) await end.payments.takeOver(AGREEMENT, 5_000n)
  await payer.payments.pay(AGREEMENT, 1)
  await payee.payments.reconcile()
  payee.wallet.invoices.get(hashOf(payer, 0).toString('hex'))!.status = 'open'
  await payer.wallet.pay(invoices[0]!, { maxFeeMsat: 0n })
  const [mine, theirs] = [await payer.wallet.history(), await payee.wallet.history()]
  // The fee of what counts without the wallet is known to the wallet alone.
  const paid = checkBalance(payer.ledger, mine)
  assert.deepEqual(paid.faults, [])
  assert.deepEqual([paid.ledgerPaidMsat, paid.walletPaidMsat, paid.feesMsat], [10_001n, 10_001n, 14n])
  const received = checkBalance(payee.ledger, theirs)
  assert.deepEqual(received.faults, [])
  assert.deepEqual([received.ledgerReceivedMsat, received.walletReceivedMsat], [10_001n, 10_001n])
  // It is not settled twice by one hash either.
  const twice = mine.find(({ paymentHash }) => paymentHash.equals(hashOf(payer, 0)))!
  const told = checkBalance(payer.ledger, [...mine, twice]).faults
  assert.equal(told.filter(line => line.includes('settled one hash twice')).length, 1)
  assert.match(told[0]!, /^installment 0\.0 /)
  // Nor named when another payment is missing.
  const missing = checkBalance(payer.ledger, [twice]).faults
  assert.equal(missing.filter(line => line.includes('not settled by the wallet')).length, 1)
  assert.match(missing[0]!, /^installment 1\.0 /)
})

test('all that was paid may be paid back, and nothing that is in flight', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  await bound(buyer, provider, 2)
  await buyer.payments.pay(AGREEMENT, 0)
  await refunded(buyer, provider, 5_000n)
  for (const end of [buyer, provider]) {
    await end.payments.reconcile()
    assert.deepEqual((await check(end)).faults, [])
  }
  buyer.wallet.next = 'pend'
  await assert.rejects(buyer.payments.pay(AGREEMENT, 1), { code: 'PAYMENT_PENDING' })
  assert.deepEqual((await check(buyer)).faults, [])
  await bound(buyer, provider, 1, OTHER)
  await buyer.payments.credited(OTHER, 0, AGREEMENT)
  assert.match((await check(buyer)).faults.join(), /10 sat were paid back, more than was paid/)
})

test('a difference is looked at three times before it is reported, and what has settled since is none', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  await payer.payments.pay(AGREEMENT, 0)
  const right = await payer.wallet.history()
  let wrong = 0
  let reads = 0
  payer.wallet.history = ({ since } = {}) => {
    if (since !== undefined) return Promise.resolve(right) // of the run before
    reads++
    return Promise.resolve(wrong-- > 0 ? [] : right)
  }
  const checked = async (times: number): Promise<[boolean, number]> => {
    ;[wrong, reads] = [times, 0]
    const { ok } = await payer.payments.checkBalance(new Map([[ID, 5_000n]]))
    return [ok, reads]
  }
  assert.deepEqual(await checked(0), [true, 1])
  assert.deepEqual(await checked(2), [true, 3])
  assert.deepEqual(await checked(9), [false, 3])
})
