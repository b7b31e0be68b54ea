import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { DEFAULT_LIMITS } from '../../../src/payment/limits.js'
import { Payments } from '../../../src/payment/payments.js'
import { faultLog } from '../../doubles/fault-log.js'
import { checkInvoice } from '../../doubles/fake-wallet.js'
import { AGREEMENT, OTHER, bound, ends, hashOf } from '../../parts/payment/ends.js'
import { held } from '../../parts/payment/held.js'
import type { Held } from '../../parts/payment/held.js'

/** Closes something that must wait for held work: whether it was closed before `release`. */
async function closedBefore(closing: Promise<unknown>, { release }: Held): Promise<boolean> {
  let closed = false
  const done = closing.then(() => (closed = true))
  for (let i = 0; i < 20; i++) await setImmediate()
  const before = closed
  release()
  await done
  return before
}

test('while the wallet is told to pay, reconciling does not ask it, and the payment is under way', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  await bound(payer, payee, 1, OTHER)
  assert.equal(payer.payments.isPaying(AGREEMENT), false)
  const { begun, release } = held(t, payer, 'pay')
  const paying = payer.payments.pay(AGREEMENT, 1)
  await begun
  assert.deepEqual(
    [AGREEMENT, OTHER].map(of => payer.payments.isPaying(of)),
    [true, false]
  )
  // The wallet has not heard of it yet, which must not make it unsent.
  assert.deepEqual(await payer.payments.reconcile(), [])
  assert.equal(payer.step(1), 'sent')
  release()
  assert.equal((await paying).step, 'paid')
  assert.equal(payer.payments.isPaying(AGREEMENT), false)
})

test('closing waits for a payment that is being made', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  const pay = held(t, payer, 'pay')
  const paying = payer.payments.pay(AGREEMENT, 0)
  await pay.begun
  assert.equal(await closedBefore(payer.payments.close(), pay), false)
  assert.equal(payer.read().payment(AGREEMENT, 0)!.step, 'paid')
  await paying
  assert.equal(payer.payments.reconciler.closed, true)
  assert.equal(payer.wallet.listenerCount('settled'), 0)
})

test('closing waits for what is being refused or received', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  const refuse = held(t, payee, 'refuse')
  const refusing = payee.payments.refuseRest(AGREEMENT)
  await refuse.begun
  assert.equal(await closedBefore(payee.payments.close(), refuse), false)
  await refusing
  await payee.start()
  assert.equal(payee.step(0), 'refused')
  const invoice = held(t, payee, 'invoice')
  payee.wallet.emit('settled', hashOf(payer, 0), 5_000n)
  await invoice.begun
  assert.equal(await closedBefore(payee.payments.close(), invoice), false)
})

test('closing waits for the wallet that is being reconciled', async t => {
  const { payer } = await ends(t)
  const history = held(t, payer, 'history')
  const running = payer.payments.reconcile()
  await history.begun
  assert.equal(await closedBefore(payer.payments.reconciler.close(), history), false)
  await running
})

test('a fault of the ledger is logged', async t => {
  const { payer } = await ends(t)
  const fault = new Error('a fault')
  payer.ledger.emit('fault', fault)
  assert.deepEqual(payer.faults, [fault])
  await payer.payments.close()
  assert.equal(payer.ledger.listenerCount('fault'), 0)
})

test('without limits of the owner those of play money hold', async t => {
  const { payer } = await ends(t)
  const { wallet, ledger } = payer
  const payments = new Payments({
    ledger,
    wallet,
    checkInvoice,
    secret: Buffer.alloc(32),
    log: faultLog(error => assert.fail(String(error)))
  })
  assert.deepEqual(payments.limits.settings, DEFAULT_LIMITS.play)
  assert.equal(payments.limits.faultOf({ msat: 10n ** 15n, agreement: AGREEMENT }), null)
})

test('whether a node can be paid is asked of the wallet', async t => {
  const { payer, payee } = await ends(t)
  const reach = t.mock.method(payer.wallet, 'reach')
  await payer.payments.reach(payee.wallet.nodeId, 5_000n)
  assert.deepEqual(reach.mock.calls[0]!.arguments as unknown[], [payee.wallet.nodeId, 5_000n, 30_000])
  reach.mock.mockImplementation(() => Promise.reject(new Error('no route')))
  await assert.rejects(payer.payments.reach(payee.wallet.nodeId, 5_000n), /no route/)
})
