import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SignedDebt } from '#spec'
import { storeIn } from '../../parts/store/store-in.js'
import { Debts } from '../../../src/payment/debts.js'
import { AGREEMENT, BUYER, OTHER, PROVIDER, bound, ends } from '../../parts/payment/ends.js'

function debt(agreement: Buffer, msat: bigint, at = 1): SignedDebt {
  return { debt: { agreement, msat, at }, signature: Buffer.alloc(64, 1) }
}

test('a debt is settled by refund and by credit, as in the ledger, and survives a restart', async t => {
  const { payer: buyer, payee: provider, dir } = await ends(t)
  await bound(buyer, provider)
  await bound(buyer, provider, 2, OTHER)
  for (const installment of [0, 1]) await buyer.payments.pay(AGREEMENT, installment)
  const sides = [
    { end: buyer, role: 'creditor', peer: PROVIDER, store: storeIn(join(dir, 'buyer-store')) },
    { end: provider, role: 'debtor', peer: BUYER, store: storeIn(join(dir, 'provider-store')) }
  ] as const
  const standing = (): [bigint, bigint, bigint][] =>
    sides.map(({ end, role, store }) => {
      const { settledMsat, openMsat, leftMsat } = new Debts(store, end.ledger).get(role, AGREEMENT)!
      return [settledMsat, openMsat, leftMsat]
    })
  for (const { end, role, peer, store } of sides) {
    await store.ready()
    t.after(() => store.close())
    const debts = new Debts(store, end.ledger)
    await debts.save(role, peer, debt(AGREEMENT, 9_000n))
    await debts.save(role, peer, debt(AGREEMENT, 1n)) // the first statement stands
    assert.deepEqual(debts.get(role, AGREEMENT)!.debt, debt(AGREEMENT, 9_000n))
    assert.equal(debts.get(role === 'debtor' ? 'creditor' : 'debtor', AGREEMENT), null)
    assert.equal(debts.open(role, peer).length, 1)
    assert.equal(debts.open(role, OTHER).length, 0)
  }
  assert.deepEqual(standing(), [
    [0n, 0n, 9_000n],
    [0n, 0n, 9_000n]
  ])
  for (const { end } of sides) await end.payments.credited(OTHER, 0, AGREEMENT)
  assert.deepEqual(standing(), [
    [5_000n, 0n, 4_000n],
    [5_000n, 0n, 4_000n]
  ])
  const invoice = await buyer.payments.refundInvoice(AGREEMENT, 4_000n, PROVIDER)
  assert.deepEqual(standing()[0], [5_000n, 4_000n, 0n], 'while its invoice is out nothing is left to credit')
  await provider.payments.payRefund({
    agreement: AGREEMENT,
    invoice,
    msat: 4_000n,
    payee: buyer.wallet.nodeId,
    peer: BUYER
  })
  await buyer.payments.reconcile()
  for (const { end, store, role, peer } of sides) {
    await end.restart()
    const again = new Debts(store, end.ledger)
    assert.equal(again.get(role, AGREEMENT)!.settledMsat, 9_000n)
    assert.deepEqual(again.open(role, peer), [])
    assert.equal([...again.list()].length, 1)
  }
})

test('debts with a peer come oldest first', async t => {
  const { payer, dir } = await ends(t)
  const store = storeIn(join(dir, 'store'))
  await store.ready()
  t.after(() => store.close())
  const debts = new Debts(store, payer.ledger)
  await store.set(
    debts.change('creditor', PROVIDER, debt(AGREEMENT, 5n, 9)),
    debts.change('creditor', PROVIDER, debt(OTHER, 5n, 3)),
    debts.change('creditor', BUYER, debt(Buffer.alloc(32, 3), 5n, 1))
  )
  assert.deepEqual(
    debts.open('creditor', PROVIDER).map(({ debt: { debt } }) => debt.at),
    [3, 9]
  )
})
