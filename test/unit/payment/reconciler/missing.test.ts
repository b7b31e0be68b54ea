import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shortKey } from '../../../../contracts/keys/key.js'
import { AGREEMENT, BUYER, OTHER, PROVIDER, bound, ends, hashOf } from '../../../parts/payment/ends.js'

test('a payment settled since the records were read is not missing from the wallet', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  await payer.payments.pay(AGREEMENT, 0)
  assert.ok(await payee.payments.wasReceived(AGREEMENT, 0, 60_000))
  for (const end of [payer, payee]) {
    end.wallet.history = () => Promise.resolve([])
    end.wallet.questions = 0
    await end.restart()
    assert.equal(end.wallet.questions, 1, 'about the one that is settled, and not about the other')
    assert.deepEqual([end.unmended, end.payments.reconciler.faults], [[], []])
  }
})

test('what the wallet still pays although the ledger has it as paid is reported', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  for (const installment of [0, 1]) await payer.payments.pay(AGREEMENT, installment)
  payer.wallet.payments.get(hashOf(payer, 0).toString('hex'))!.state = { status: 'pending' }
  await payer.restart()
  assert.deepEqual(payer.unmended, [
    `installment 0 of agreement ${shortKey(AGREEMENT)}, 5 sat: the ledger has it as paid, the wallet has it as pending`
  ])
})

test('of many payments that the wallet has lost, 64 are asked about and the rest are counted', async t => {
  const { payer, payee } = await ends(t)
  const list = payee.payments.list(
    AGREEMENT,
    Array.from({ length: 64 }, (_, i) => ({ number: i, start: i, end: i + 1, msat: 5_000n })),
    0
  )
  await payer.payments.intend(list, PROVIDER)
  await payer.payments.bind(list, await payee.payments.strip(list, 3600, BUYER), payee.wallet.nodeId)
  await bound(payer, payee, 2, OTHER)
  for (let i = 0; i < 64; i++) await payer.payments.pay(AGREEMENT, i)
  for (const installment of [0, 1]) await payer.payments.pay(OTHER, installment)
  // Those that are asked about are there, although its list lacks them.
  const history = t.mock.method(payer.wallet, 'history', () => Promise.resolve([]))
  await payer.restart()
  assert.equal(payer.unmended.length, 0)
  history.mock.restore()
  for (const { hash } of payer.ledger.payments(AGREEMENT)) payer.wallet.payments.delete(hash.toString('hex'))
  await payer.restart()
  assert.equal(payer.unmended.length, 64)
  assert.ok(payer.unmended.every(line => line.startsWith('installment ')))
  payer.wallet.payments.clear()
  payer.wallet.questions = 0
  await payer.restart()
  assert.equal(payer.wallet.questions, 64)
  assert.equal(payer.unmended.length, 65)
  assert.equal(payer.unmended.at(-1), 'the wallet has no record of 2 more payments')
  assert.deepEqual(payer.payments.reconciler.faults, payer.unmended)
})
