import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AGREEMENT, bound, ends } from '../../../parts/payment/ends.js'

test('an invoice is examined by the rules by which it is paid, and nothing is paid or recorded', async t => {
  const { payer, payee } = await ends(t)
  let now = Date.now()
  payer.now = payee.wallet.now = () => now
  const { invoice, hash } = await payee.payments.issue(9_000n, 'a coffee', 60)
  const read = payer.payments.examine(invoice)
  assert.deepEqual([read.msat, read.paymentHash, read.description], [9_000n, hash, 'a coffee'])
  assert.equal(payer.payments.examine(invoice, { maxMsat: 9_000n }).msat, 9_000n)
  assert.throws(() => payer.payments.examine(invoice, { maxMsat: 8_999n }), { code: 'OVER_LIMIT' })
  now = read.expiresAt - 1
  payer.payments.examine(invoice)
  now = read.expiresAt
  assert.throws(() => payer.payments.examine(invoice), { code: 'INVOICE_EXPIRED' })
  assert.equal(payer.ledger.stats.entries, 0)
  assert.deepEqual(payer.wallet.sent, [])
})

test('an invoice of this node or of an agreement is not to be paid by hand, and this is said', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  const { text } = payer.ledger.payment(AGREEMENT, 0)!
  assert.throws(() => payer.payments.examine(text), {
    code: 'INVOICE_REFUSED',
    message: /belongs to an agreement/
  })
  const { invoice } = await payee.payments.issue(9_000n, 'a coffee', 60)
  const own = { code: 'INVOICE_REFUSED', message: /this node issued the invoice itself/ }
  assert.throws(() => payee.payments.examine(invoice), own)
  await payer.payments.payInvoice(invoice, { maxMsat: 9_000n })
  await payee.payments.reconcile()
  assert.throws(() => payee.payments.examine(invoice), own, 'also when somebody has paid it')
})

test('no route is asked for when the wallet already pays an invoice', async t => {
  const { payer, payee } = await ends(t)
  const { invoice } = await payee.payments.issue(9_000n, 'a coffee', 60)
  const reach = t.mock.method(payer.wallet, 'reach')
  payer.wallet.next = 'pend'
  await payer.wallet.pay(invoice, { maxFeeMsat: 0n })
  await assert.rejects(payer.payments.payInvoice(invoice), { code: 'PAYMENT_PENDING' })
  assert.equal(reach.mock.callCount(), 0)
  assert.equal(payer.wallet.sent.length, 1)
})
