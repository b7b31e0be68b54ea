import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkBalance } from '../../../src/payment/balance.js'
import type { BalanceCheck } from '../../../src/payment/balance.js'
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
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 4)
  for (const installment of [0, 1]) await payer.payments.pay(AGREEMENT, installment)
  assert.ok(await payee.payments.wasReceived(AGREEMENT, 1, 1000))
  const clean = await payer.wallet.history()
  const faults = (records = clean, consumed = 0n, end = payer): string[] =>
    checkBalance(end.ledger, records, new Map([[ID, consumed]])).faults
  assert.deepEqual(faults(), [])
  const one = (changed: object): typeof clean => [{ ...clean[0]!, ...changed }, ...clean.slice(1)]
  // The wallet has fewer, other, later or more payments than the ledger.
  assert.match(faults(clean.slice(1)).join(), /installment 0.0 .*not settled by the wallet.*5001 msat/)
  assert.match(faults(one({ status: 'failed' })).join(), /not settled by the wallet/)
  assert.match(faults(one({ msat: 4_999n })).join(), /10001 msat paid, the wallet 10000 msat/)
  assert.match(faults(one({ feeMsat: 8n })).join(), /14 msat of fees, the wallet 15 msat/)
  assert.match(faults([...clean, clean[0]!]).join(), /settled one hash twice/)
  const other = { ...clean[0]!, paymentHash: hashOf(payer, 2) }
  assert.match(
    faults([...clean, other]).join(),
    /installment 2.0 .*settled by the wallet, bound in the ledger/
  )
  assert.match(
    faults([...clean, { ...other, status: 'pending' }]).join(),
    /in flight by the wallet, bound in the ledger/
  )
  assert.deepEqual(
    faults([...clean, { ...other, paymentHash: Buffer.alloc(32, 77) }]),
    [],
    'not ours to know'
  )
  // Service beyond one installment, as seen by the provider.
  const theirs = await payee.wallet.history()
  assert.deepEqual(faults(theirs, 10_001n + 5_003n, payee), [])
  assert.match(faults(theirs, 10_001n + 5_004n, payee).join(), /unpaid, more than one installment/)
  // Two hashes for one installment.
  const payment = payer.ledger.payment(AGREEMENT, 0)!
  await payer.ledger.record({ ...payment, issue: 1, hash: Buffer.alloc(32, 88) })
  assert.match(faults().join(), /settled twice, on two hashes/)
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
