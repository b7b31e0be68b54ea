import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AGREEMENT, BUYER, OTHER, PROVIDER, bound, draft, ends, hashOf } from '../../../parts/payment/ends.js'
import { held } from '../../../parts/payment/held.js'
import type { Payment } from '../../../../src/payment/ledger.js'
import { STEP } from '../../../../src/payment/payment-state.js'

const PENDING = { code: 'PAYMENT_PENDING' }

test('a payment is sent once for all who ask for it at the same time, and one that is made costs no question', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  const { entries } = payer.ledger.stats
  await Promise.all([1, 2, 3].map(() => payer.payments.pay(AGREEMENT, 0)))
  assert.equal(payer.ledger.stats.entries, entries + 2, 'sent and paid')
  const { questions } = payer.wallet
  await payer.payments.pay(AGREEMENT, 0)
  assert.equal(payer.wallet.questions, questions)
})

test('a hash that was given up is not paid', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  await payer.ledger.record({ ...payer.ledger.payment(AGREEMENT, 0)!, step: STEP.void })
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), {
    code: 'INVOICE_REFUSED',
    message: /its hash was replaced/
  })
  assert.deepEqual(payer.wallet.sent, [])
})

test('a payment in flight is asked for although its invoice has expired since', async t => {
  const { payer, payee } = await ends(t)
  let now = Date.now()
  payer.now = payee.wallet.now = () => now
  await bound(payer, payee, 1, AGREEMENT, 60)
  payer.wallet.next = 'pend'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), PENDING)
  now += 60_000
  const { entries } = payer.ledger.stats
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), PENDING)
  assert.equal(payer.ledger.stats.entries, entries)
})

test('a refund that the wallet gave up is not sent again before its debt was looked at', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  const invoice = await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER)
  const refund = (): Promise<unknown> =>
    provider.payments.payRefund({
      agreement: AGREEMENT,
      invoice,
      msat: 3_000n,
      payee: buyer.wallet.nodeId,
      peer: BUYER
    })
  provider.wallet.next = 'pend'
  await assert.rejects(refund(), { ...PENDING, message: /of 3 sat as a refund/ })
  const { hash } = provider.ledger.payment(AGREEMENT, 0, 'refund')!
  provider.wallet.finish(hash, 'fail')
  await assert.rejects(refund(), {
    code: 'PAYMENT_FAILED',
    message: /of 3 sat as a refund failed: the wallet gave it up/
  })
  assert.equal(provider.wallet.sent.length, 1)
  assert.equal(provider.ledger.byHash(hash)!.step, 'failed')
})

test('a payment outside of agreements that fails is told with its amount', async t => {
  const { payer, payee } = await ends(t)
  const { invoice } = await payee.payments.issue(9_000n, 'a coffee', 60)
  payer.wallet.next = 'fail'
  await assert.rejects(payer.payments.payInvoice(invoice), {
    code: 'PAYMENT_FAILED',
    message: /the payment of 9 sat failed: no route/
  })
})

test('before a third payment to a peer the wallet is asked about those to this peer, and only then', async t => {
  const { payer, payee } = await ends(t)
  const asked: string[] = []
  const { wallet } = payer
  const payment = wallet.payment.bind(wallet)
  wallet.payment = hash => {
    asked.push(hash.toString('hex'))
    return payment(hash)
  }
  await bound(payer, payee, 4)
  const other = draft(0, { agreement: OTHER, peer: BUYER, hash: Buffer.alloc(32, 9), step: STEP.bound })
  await payer.ledger.record(other)
  await payer.ledger.record({ ...other, step: STEP.sent })
  wallet.next = 'pend'
  for (const installment of [0, 1]) await assert.rejects(payer.payments.pay(AGREEMENT, installment), PENDING)
  assert.deepEqual(asked, [], 'two may be in flight')
  await assert.rejects(payer.payments.pay(AGREEMENT, 2), PENDING)
  assert.deepEqual(asked.sort(), [0, 1].map(i => hashOf(payer, i).toString('hex')).sort())
})

test('what the wallet is being told to pay counts once, and is not asked for', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 3)
  const { begun, release } = held(t, payer, 'pay')
  const paying = [payer.payments.pay(AGREEMENT, 0)]
  await begun
  assert.equal(payer.step(0), 'sent')
  paying.push(payer.payments.pay(AGREEMENT, 1))
  const questions = payer.wallet.questions
  await assert.rejects(payer.payments.pay(AGREEMENT, 2), { ...PENDING, message: /^2 payments/ })
  assert.equal(payer.wallet.questions, questions)
  release()
  for (const { step } of await Promise.all(paying)) assert.equal(step, 'paid')
  assert.equal((await payer.payments.pay(AGREEMENT, 2)).step, 'paid')
})

test('a payment that is about to be sent counts although one that was begun with it has ended', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 4)
  await payer.restart() // from now on the wallet is asked about each before it is sent
  const { wallet } = payer
  const payment = wallet.payment.bind(wallet)
  let answer = (): void => undefined
  const given = new Promise<void>(resolve => (answer = resolve))
  wallet.payment = async hash => {
    if (!hash.equals(hashOf(payer, 0))) await given
    return payment(hash)
  }
  const pay = (installment: number): Promise<Payment> => payer.payments.pay(AGREEMENT, installment)
  const waiting = pay(1)
  assert.equal((await pay(0)).step, 'paid')
  const paying = [waiting, pay(2)]
  await assert.rejects(pay(3), { ...PENDING, message: /^2 payments/ })
  answer()
  for (const { step } of await Promise.all(paying)) assert.equal(step, 'paid')
})

test('asking the wallet about a payment changes only what is in flight', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  const list = payee.payments.list(OTHER, [{ number: 0, start: 0, end: 1, msat: 5_000n }], 0)
  await payer.payments.intend(list)
  payer.wallet.next = 'fail'
  await assert.rejects(payer.payments.pay(AGREEMENT, 1), { code: 'PAYMENT_FAILED' })
  const { entries } = payer.ledger.stats
  await payer.payments.voidable(OTHER, 0)
  for (const installment of [0, 1]) await payer.payments.voidable(AGREEMENT, installment)
  assert.equal(payer.ledger.stats.entries, entries)
  assert.equal(payer.ledger.payment(OTHER, 0)!.step, 'intent')
  assert.deepEqual([payer.step(0), payer.step(1)], ['bound', 'failed'])
})
