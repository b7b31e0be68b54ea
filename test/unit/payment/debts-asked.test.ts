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
