import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { shortKey } from '../../../contracts/keys/key.js'
import { checkBalance } from '../../../src/payment/balance.js'
import { PERIOD } from '../../../src/payment/ledger/spending.js'
import { AGREEMENT, BUYER, OTHER, PROVIDER, bound, ends, hashOf } from '../../parts/payment/ends.js'

const PENDING = { code: 'PAYMENT_PENDING' }
const PEER = PROVIDER.toString('hex')

test('with two payments to a peer in flight, no third is sent until the wallet reports how one ended', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 4)
  payer.wallet.next = 'pend'
  for (const installment of [0, 1]) await assert.rejects(payer.payments.pay(AGREEMENT, installment), PENDING)
  assert.equal(payer.ledger.spending.inFlight(PEER), 2)
  await assert.rejects(payer.payments.pay(AGREEMENT, 2), {
    ...PENDING,
    message: /^2 payments to this peer are in flight$/
  })
  assert.equal(payer.step(2), 'bound')
  payer.wallet.next = 'settle'
  // The wallet is asked about those in flight before the next one is refused.
  payer.wallet.finish(hashOf(payer, 0), 'fail')
  assert.equal((await payer.payments.pay(AGREEMENT, 2)).step, 'paid')
  assert.equal(payer.step(0), 'failed')
  assert.equal(payer.ledger.spending.inFlight(PEER), 1)
})

test('payments in flight to one peer do not hold up another, and asking for one again is not a third', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  payer.wallet.next = 'pend'
  for (const installment of [0, 1]) await assert.rejects(payer.payments.pay(AGREEMENT, installment), PENDING)
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { ...PENDING, message: /5 sat for installment 0/ })
  const { invoice } = await payee.payments.issue(9_000n, 'a coffee', 60)
  payer.wallet.next = 'settle'
  assert.equal((await payer.payments.payInvoice(invoice)).step, 'paid')
})

test('what was spent in 24 hours is what was paid and what is in flight, by peer', async t => {
  const { payer, payee } = await ends(t)
  let now = Date.now()
  payer.now = () => now
  await bound(payer, payee, 3)
  const { spending } = payer.ledger
  await payer.payments.pay(AGREEMENT, 0)
  payer.wallet.next = 'pend'
  await assert.rejects(payer.payments.pay(AGREEMENT, 1), PENDING)
  assert.deepEqual(
    [spending.total(now), spending.to(PEER, now)],
    [10_008n, 10_008n],
    'with the fee of 7 msat'
  )
  assert.equal(spending.to(BUYER.toString('hex'), now), 0n)
  now += 24 * 3_600_000 - 1
  assert.equal(spending.total(now), 10_008n)
  now += 1 + PERIOD
  assert.deepEqual([spending.total(now), spending.to(PEER, now)], [5_001n, 5_001n], 'a day has passed')
  payer.wallet.finish(hashOf(payer, 1), 'fail')
  await payer.payments.reconcile()
  assert.deepEqual([spending.total(now), spending.to(PEER, now)], [0n, 0n])
  assert.equal(spending.inFlight(PEER), 0)
})

test('what no wallet paid is not spent', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  await bound(payer, payee, 2, OTHER)
  await payer.payments.credited(OTHER, 0, AGREEMENT)
  await payer.payments.takeOver(AGREEMENT, 5_000n)
  assert.equal(payer.step(0), 'paid')
  assert.equal(payer.ledger.spending.total(Date.now()), 0n)
  await payee.payments.credited(OTHER, 0, AGREEMENT)
  assert.equal(payee.ledger.spending.total(Date.now()), 0n, 'nor is what was received')
})

test('a payment that cannot be made is refused with its amount and purpose', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee, 1)
  payer.wallet.next = 'fail'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), {
    code: 'PAYMENT_FAILED',
    message: /^the payment of 5 sat for installment 0 failed: no route$/
  })
  await payer.payments.intend({
    ...list,
    agreement: OTHER,
    installments: [{ ...list.installments[0]!, hash: Buffer.alloc(32, 9) }]
  })
  await assert.rejects(payer.payments.pay(OTHER, 0), {
    code: 'INVOICE_REFUSED',
    message: /no checked invoice/
  })
  await assert.rejects(payer.payments.pay(OTHER, 1), { code: 'INVOICE_REFUSED' })
  await assert.rejects(payee.payments.pay(AGREEMENT, 0), { code: 'INVOICE_REFUSED' }, 'we are the payee')
})

test('only the awaited installment ends a wait for it', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 3)
  await bound(payer, payee, 3, OTHER)
  const waits = [0, 1].map(installment => payee.payments.wasReceived(AGREEMENT, installment, 60_000))
  let over = 0
  for (const wait of waits) void wait.then(() => over++)
  const direct = await payee.payments.issue(1_000n, 'a coffee', 60)
  await payer.payments.payInvoice(direct.invoice)
  await payer.payments.pay(OTHER, 0)
  await payer.payments.pay(OTHER, 1)
  await payer.payments.pay(AGREEMENT, 2)
  assert.equal(await payee.payments.wasReceived(AGREEMENT, 2, 60_000), true)
  await setImmediate()
  assert.equal(over, 0, 'others do not count')
  await payer.payments.pay(AGREEMENT, 1)
  assert.equal(await waits[1], true)
  await payer.payments.pay(AGREEMENT, 0)
  assert.equal(await waits[0], true)
  assert.equal(await payee.payments.wasReceived(AGREEMENT, 77, 60_000), false, 'never listed')
})

test('an installment that is not paid in time was not received', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  assert.equal(await payee.payments.wasReceived(AGREEMENT, 0, 1), false)
  assert.equal(payee.payments.listenerCount('received'), 0)
})

test('direct payments and refunds that the wallet has lost are named by what they were', async t => {
  const { payer, payee } = await ends(t)
  const { invoice, hash } = await payee.payments.issue(1_234n, 'a coffee', 60)
  await payer.payments.payInvoice(invoice)
  const refund = await payee.payments.refundInvoice(AGREEMENT, 400n, BUYER)
  const paid = await payer.payments.payRefund({
    agreement: AGREEMENT,
    invoice: refund,
    msat: 400n,
    payee: payee.wallet.nodeId,
    peer: PROVIDER
  })
  for (const lost of [hash, paid.hash]) payer.wallet.payments.delete(lost.toString('hex'))
  await payer.restart()
  const told = [`payment ${hash.toString('hex').slice(0, 8)}`, `refund of agreement ${shortKey(AGREEMENT)}`]
  // They are told by their hashes.
  assert.deepEqual([...payer.unmended].sort(), [
    `${told[0]}, 1.234 sat: the ledger has it as paid, the wallet has no record of it`,
    `${told[1]}, 0.4 sat: the ledger has it as paid, the wallet has no record of it`
  ])
  const { faults } = checkBalance(payer.ledger, await payer.wallet.history())
  for (const name of told)
    assert.ok(
      faults.some(fault => fault.startsWith(`${name}: paid in the ledger`)),
      name
    )
})
