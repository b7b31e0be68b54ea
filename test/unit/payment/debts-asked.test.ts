import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { SignedDebt } from '#spec'
import { Debts } from '../../../src/payment/debts.js'
import { storeIn } from '../../parts/store/store-in.js'
import { AGREEMENT, BUYER, OTHER, PROVIDER, bound, ends } from '../../parts/payment/ends.js'
import type { End } from '../../parts/payment/ends.js'

const debt = (agreement: Buffer, msat: bigint): SignedDebt => ({
  debt: { agreement, msat, at: 1 },
  signature: Buffer.alloc(64, 1)
})

/** The debts of one end, with one of the provider to the buyer from AGREEMENT. */
async function debtsOf(t: TestContext, end: End, dir: string, msat: bigint): Promise<Debts> {
  const store = storeIn(join(dir, 'debts'))
  await store.ready()
  t.after(() => store.close())
  const debts = new Debts(store, end.ledger)
  await debts.save('creditor', PROVIDER, debt(AGREEMENT, msat))
  return debts
}

const left = (debts: Debts): [asked: bigint, left: bigint] => {
  const { askedMsat, leftMsat } = debts.get('creditor', AGREEMENT)!
  return [askedMsat, leftMsat]
}

test('what the debtor was asked to settle from a debt is not left of it, until it answers', async t => {
  const { payer, payee, dir } = await ends(t)
  await bound(payer, payee, 1)
  await bound(payer, payee, 3, OTHER)
  const [first, second, third] = payer.ledger.payments(OTHER)
  const debts = await debtsOf(t, payer, dir, 10_001n)
  assert.deepEqual(left(debts), [0n, 10_001n])
  assert.equal(debts.asked(first!.hash), null)

  assert.equal(await debts.ask(first!, AGREEMENT), true)
  assert.deepEqual(left(debts), [5_000n, 5_001n])
  assert.deepEqual(debts.asked(first!.hash), AGREEMENT)
  assert.equal(await debts.ask(third!, AGREEMENT), false, '5.002 of 5.001 sat')
  assert.equal(debts.asked(third!.hash), null)
  assert.equal(await debts.ask(second!, AGREEMENT), true, 'all of the rest')
  assert.deepEqual(left(debts), [10_001n, 0n])
  assert.deepEqual(debts.unanswered(), [OTHER], 'each agreement once')

  // The debtor agrees to one and declines the other.
  await payer.payments.credited(OTHER, 0, AGREEMENT)
  assert.deepEqual(left(debts), [5_001n, 0n], 'settled, and no more asked for')
  await debts.answered(first!.hash)
  await debts.answered(second!.hash)
  assert.deepEqual(left(debts), [0n, 5_001n])
  assert.deepEqual(debts.unanswered(), [])
  assert.equal(debts.get('creditor', AGREEMENT)!.settledMsat, 5_000n)
})

test('two installments asked for at the same time do not both get the last part of a debt', async t => {
  const { payer, payee, dir } = await ends(t)
  await bound(payer, payee, 2, OTHER)
  const debts = await debtsOf(t, payer, dir, 5_001n)
  const given = await Promise.all(payer.ledger.payments(OTHER).map(payment => debts.ask(payment, AGREEMENT)))
  assert.deepEqual(given.sort(), [false, true])
})

test('nothing is asked of a debt that is not recorded', async t => {
  const { payer, payee, dir } = await ends(t)
  await bound(payer, payee, 1, OTHER)
  const debts = await debtsOf(t, payer, dir, 5_000n)
  assert.equal(await debts.ask(payer.ledger.payment(OTHER, 0)!, OTHER), false)
  assert.deepEqual(debts.unanswered(), [])
})

test('debts are listed by role', async t => {
  const { payer, dir } = await ends(t)
  const debts = await debtsOf(t, payer, dir, 5_000n)
  await debts.save('debtor', BUYER, debt(OTHER, 3_000n))
  const listed = (role?: 'debtor' | 'creditor'): bigint[] =>
    [...debts.list(role)].map(({ leftMsat }) => leftMsat).sort()
  assert.deepEqual(listed('creditor'), [5_000n])
  assert.deepEqual(listed('debtor'), [3_000n])
  assert.deepEqual(listed(), [3_000n, 5_000n])
  assert.equal(debts.get('debtor', AGREEMENT), null)
})

test('more than the debt is never settled or open', async t => {
  const { payer, payee, dir } = await ends(t)
  await bound(payer, payee, 1, OTHER)
  const debts = await debtsOf(t, payer, dir, 4_000n)
  await payer.payments.refundInvoice(AGREEMENT, 9_000n, PROVIDER)
  const open = debts.get('creditor', AGREEMENT)!
  assert.deepEqual([open.settledMsat, open.openMsat, open.leftMsat], [0n, 4_000n, 0n])
  await payer.payments.credited(OTHER, 0, AGREEMENT)
  const settled = debts.get('creditor', AGREEMENT)!
  assert.deepEqual([settled.settledMsat, settled.openMsat, settled.leftMsat], [4_000n, 0n, 0n])
})

test('the rest of a debt is first what is settled, then what a refund may pay, then what was asked for', async t => {
  const { payer, payee, dir } = await ends(t)
  await bound(payer, payee, 3, OTHER)
  const [first, second] = payer.ledger.payments(OTHER)
  const debts = await debtsOf(t, payer, dir, 12_000n)
  const parts = (): bigint[] => {
    const { settledMsat, openMsat, askedMsat, leftMsat } = debts.get('creditor', AGREEMENT)!
    return [settledMsat, openMsat, askedMsat, leftMsat]
  }
  await payer.payments.credited(OTHER, 0, AGREEMENT)
  assert.ok(await debts.ask(second!, AGREEMENT))
  assert.deepEqual(parts(), [5_000n, 0n, 5_001n, 1_999n])
  await payer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER)
  assert.deepEqual(parts(), [5_000n, 3_000n, 4_000n, 0n])
  // What was asked of one debt is left of another.
  await debts.save('creditor', PROVIDER, debt(OTHER, 6_000n))
  assert.equal(debts.get('creditor', OTHER)!.leftMsat, 6_000n)
  assert.equal(debts.asked(first!.hash), null)
})

test('a credit that was asked for an installment that no ledger has takes nothing from the debt', async t => {
  const { payer, dir } = await ends(t)
  const debts = await debtsOf(t, payer, dir, 5_000n)
  assert.ok(await debts.ask({ hash: Buffer.alloc(32, 9), msat: 5_000n }, AGREEMENT))
  assert.deepEqual(left(debts), [0n, 5_000n])
  assert.deepEqual(debts.unanswered(), [])
})

test('only debts that are settled in full are left out once they were swept', async t => {
  const { payer, payee, dir } = await ends(t)
  await bound(payer, payee, 2, OTHER)
  const debts = await debtsOf(t, payer, dir, 5_000n)
  await debts.save('creditor', PROVIDER, debt(OTHER, 6_000n))
  await debts.save('debtor', BUYER, debt(BUYER, 7_000n))
  const unsettled = (role: 'creditor' | 'debtor' = 'creditor'): bigint[] =>
    [...debts.unsettled(role)].map(({ debt: { debt } }) => debt.msat).sort()
  await debts.sweep()
  assert.deepEqual([unsettled(), unsettled('debtor')], [[5_000n, 6_000n], [7_000n]])
  await payer.payments.credited(OTHER, 0, AGREEMENT)
  await payer.payments.credited(OTHER, 1, OTHER)
  assert.deepEqual(unsettled(), [5_000n, 6_000n], 'until they are swept')
  for (let i = 0; i < 2; i++) await debts.sweep()
  assert.deepEqual([unsettled(), unsettled('debtor')], [[6_000n], [7_000n]])
  assert.equal(debts.open('creditor', PROVIDER).length, 1)
  assert.equal(debts.get('creditor', AGREEMENT)!.settledMsat, 5_000n, 'it is kept')
})
