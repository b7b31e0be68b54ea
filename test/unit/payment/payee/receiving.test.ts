import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { AGREEMENT, BUYER, OTHER, PROVIDER, bound, ends, hashOf } from '../../../parts/payment/ends.js'

test('a payment that the wallet reports twice at once is received once, without asking the wallet back', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  let events = 0
  payee.payments.on('received', () => events++)
  const questions = payee.wallet.questions
  const { hash, msat } = payee.ledger.payment(AGREEMENT, 0)!
  for (let i = 0; i < 2; i++) payee.wallet.emit('settled', hash, msat)
  await payee.payments.close()
  assert.equal(events, 1)
  assert.equal(payee.ledger.stats.entries, 2, 'listed and received')
  assert.equal(payee.wallet.questions, questions)
})

test('the whole amount is received although the wallet had reported too little', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  payee.wallet.emit('settled', hashOf(payer, 0), 4_999n)
  await setImmediate()
  assert.equal(payee.faults.length, 1)
  await payer.payments.pay(AGREEMENT, 0)
  assert.equal(await payee.payments.wasReceived(AGREEMENT, 0, 60_000), true)
})

test('reports on hashes that are not listed here change nothing', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  for (const hash of [hashOf(payer, 0), Buffer.alloc(32, 9)]) payer.wallet.emit('settled', hash, 5_000n)
  await setImmediate()
  assert.deepEqual(payer.faults, [])
  assert.equal(payer.step(0), 'bound')
})

test('the wallet is asked for an installment that it has not reported, until it is received', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  payee.wallet.removeAllListeners('settled')
  await payer.payments.pay(AGREEMENT, 0)
  assert.equal(payee.step(0), 'listed')
  assert.equal(await payee.payments.wasReceived(AGREEMENT, 0, 60_000), true)
  const questions = payee.wallet.questions
  assert.equal(await payee.payments.wasReceived(AGREEMENT, 0, 60_000), true)
  assert.equal(payee.wallet.questions, questions)
  // It says that less has come in.
  const invoice = t.mock.method(payee.wallet, 'invoice', () =>
    Promise.resolve({ status: 'settled', receivedMsat: 5_000n, settledAt: 0 } as const)
  )
  await assert.rejects(payee.payments.wasReceived(AGREEMENT, 1, 60_000), /took 5000 msat .* of 5001/)
  invoice.mock.restore()
  assert.equal(payee.step(1), 'listed')
})

test('a refund of the agreement does not end a wait for its first installment', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  let over = false
  const wait = payee.payments.wasReceived(AGREEMENT, 0, 60_000).finally(() => (over = true))
  await setImmediate()
  const refund = await payee.payments.refundInvoice(AGREEMENT, 400n, BUYER)
  await payer.payments.payRefund({
    agreement: AGREEMENT,
    invoice: refund,
    msat: 400n,
    payee: payee.wallet.nodeId,
    peer: PROVIDER
  })
  await payee.payments.reconcile()
  await setImmediate()
  assert.equal(over, false)
  await payer.payments.pay(AGREEMENT, 0)
  assert.equal(await wait, true)
})

test('an installment that is settled twice at once is recorded once', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  const entries = payee.ledger.stats.entries
  const both = await Promise.all([1, 2].map(() => payee.payments.credited(AGREEMENT, 0, OTHER)))
  assert.deepEqual(both[0], both[1])
  assert.equal(payee.ledger.stats.entries, entries + 1)
  assert.equal(payee.ledger.creditOf(OTHER), 5_000n)
})
