import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { AGREEMENT, BUYER, OTHER, PROVIDER, bound, ends, hashOf } from '../../parts/payment/ends.js'
import { STEP } from '../../../src/payment/payment-state.js'

test('a direct invoice is issued and paid once and is in both ledgers', async t => {
  const { payer, payee } = await ends(t)
  const { invoice, hash } = await payee.payments.issue(9_000n, 'a coffee', 3600)
  assert.equal(payee.ledger.byHash(hash)!.step, 'listed')
  await payee.restart()
  const received = once(payee.payments, 'received')
  const payment = await payer.payments.payInvoice(invoice)
  assert.deepEqual([payment.kind, payment.step, payment.msat], ['direct', 'paid', 9_000n])
  assert.deepEqual(payment.agreement, hash)
  await received
  assert.equal(payee.ledger.byHash(hash)!.step, 'received')
  assert.equal(payer.ledger.contiguous(hash), 0)
  await assert.rejects(payer.payments.payInvoice(invoice), { code: 'ALREADY_PAID', exit: 5 })
  await payer.restart()
  await assert.rejects(payer.payments.payInvoice(invoice), { code: 'ALREADY_PAID' })
  assert.equal(payer.wallet.sent.length, 1)
})

test('an invoice that is paid twice at the same time is paid once', async t => {
  const { payer, payee } = await ends(t)
  const { invoice } = await payee.payments.issue(9_000n, 'a coffee', 3600)
  const reach = t.mock.method(payer.wallet, 'reach')
  const all = await Promise.all([1, 2, 3, 4].map(() => payer.payments.payInvoice(invoice)))
  for (const { step } of all) assert.equal(step, 'paid')
  assert.equal(reach.mock.callCount(), 1, 'it is bound once')
  assert.equal(payer.wallet.sent.length, 1)
  assert.equal([...payer.ledger.all()].filter(({ step }) => step === STEP.paid).length, 1)
})

test('a bad invoice is refused in one line, and nothing is paid or recorded', async t => {
  const { payer, payee } = await ends(t)
  const { invoice } = await payee.payments.issue(9_000n, 'a coffee', 3600)
  const own = await payer.payments.issue(9_000n, 'to ourselves', 3600)
  const before = payer.ledger.stats.entries
  const bad: [string, string][] = [
    [invoice.replace('play-1', 'bitcoin'), 'INVOICE_NETWORK'],
    [invoice.replace('|9000|', '||'), 'NO_AMOUNT'],
    [invoice.replace(/\d+$/, String(Date.now() - 1)), 'INVOICE_EXPIRED'],
    [own.invoice, 'INVOICE_REFUSED']
  ]
  for (const [text, code] of bad)
    await assert.rejects(payer.payments.payInvoice(text), (error: Error & { code: string; exit: number }) => {
      assert.equal(error.code, code)
      assert.equal(error.exit, 5)
      assert.ok(!error.message.includes('\n'))
      return true
    })
  await assert.rejects(payer.payments.payInvoice(invoice, { maxMsat: 8_999n }), { code: 'OVER_LIMIT' })
  payer.limits = { dealMsat: 8_999n }
  await assert.rejects(payer.payments.payInvoice(invoice), { code: 'OVER_LIMIT', exit: 5 })
  assert.deepEqual(payer.wallet.sent, [])
  assert.equal(payer.ledger.stats.entries, before)
})

test('an invoice that the wallet paid without the ledger is not paid again', async t => {
  const { payer, payee } = await ends(t)
  const { invoice, hash } = await payee.payments.issue(9_000n, 'a coffee', 3600)
  await payer.wallet.pay(invoice, { maxFeeMsat: 0n })
  await assert.rejects(payer.payments.payInvoice(invoice), { code: 'ALREADY_PAID' })
  assert.equal(payer.ledger.byHash(hash)!.step, 'paid')
  assert.equal(payer.wallet.sent.length, 1)
})

test('an invoice of an agreement is not paid by hand', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const { text } = payer.ledger.payment(AGREEMENT, 0)!
  await assert.rejects(payer.payments.payInvoice(text), { code: 'INVOICE_REFUSED' })
  await payer.payments.pay(AGREEMENT, 0)
  await assert.rejects(payer.payments.payInvoice(text), { code: 'ALREADY_PAID' })
})

test('a pending direct payment is not made again, and a failed one may be', async t => {
  const { payer, payee } = await ends(t)
  const { invoice, hash } = await payee.payments.issue(9_000n, 'a coffee', 3600)
  payer.wallet.next = 'pend'
  for (let i = 0; i < 2; i++)
    await assert.rejects(payer.payments.payInvoice(invoice), { code: 'PAYMENT_PENDING' })
  payer.wallet.finish(hash, 'fail')
  payer.wallet.next = 'settle'
  assert.equal((await payer.payments.payInvoice(invoice)).step, 'paid')
  assert.equal(payer.wallet.sent.length, 2)
})

test('a refund is paid once, by the invoice of the other side', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  await bound(buyer, provider)
  await buyer.payments.pay(AGREEMENT, 0)
  const invoice = await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER)
  await buyer.restart()
  assert.equal(await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER), invoice, 'the same again')
  const pay = (text: string, msat = 3_000n): ReturnType<typeof provider.payments.payRefund> =>
    provider.payments.payRefund({
      agreement: AGREEMENT,
      invoice: text,
      msat,
      payee: buyer.wallet.nodeId,
      peer: BUYER
    })
  await assert.rejects(pay(invoice, 2_999n), { code: 'INVOICE_REFUSED' })
  const all = await Promise.all([pay(invoice), pay(invoice)])
  for (const payment of all) assert.deepEqual([payment.kind, payment.step], ['refund', 'paid'])
  assert.equal((await pay(invoice)).step, 'paid')
  // A greedy creditor sends another invoice of its own for the same debt.
  const { invoice: other } = await buyer.payments.issue(3_000n, 'again', 3600)
  await assert.rejects(pay(other), { code: 'ALREADY_PAID' })
  assert.equal(provider.wallet.sent.length, 1)
  await assert.rejects(buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER), { code: 'ALREADY_PAID' })
  for (const end of [buyer, provider]) {
    await end.restart()
    assert.equal(end.ledger.totals(AGREEMENT).refundedMsat, 3_000n)
    assert.equal(end.ledger.contiguous(AGREEMENT), 1, 'a refund is no installment')
  }
})

test('another invoice for a refund is declined until the first can no longer be paid', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  let now = Date.now()
  provider.now = buyer.wallet.now = () => now
  const pay = (text: string): ReturnType<typeof provider.payments.payRefund> =>
    provider.payments.payRefund({
      agreement: AGREEMENT,
      invoice: text,
      msat: 3_000n,
      payee: buyer.wallet.nodeId,
      peer: BUYER
    })
  const first = await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER, 60)
  // Bound and not sent: over the limit.
  provider.limits = { dayMsat: 0n }
  await assert.rejects(pay(first), { code: 'OVER_LIMIT' })
  assert.ok(await buyer.payments.refuseRefund(AGREEMENT))
  const second = await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER, 3600)
  assert.notEqual(second, first)
  await assert.rejects(pay(second), { code: 'INVOICE_REFUSED' })
  provider.limits = {}
  now += 60_000
  provider.wallet.next = 'pend'
  await assert.rejects(pay(second), { code: 'PAYMENT_PENDING' })
  const { hash } = provider.ledger.payment(AGREEMENT, 0, 'refund')!
  const third = 'play-1|' + '77'.repeat(32) + second.slice(second.indexOf('|3000|'))
  await assert.rejects(pay(third), { code: 'PAYMENT_PENDING' })
  provider.wallet.finish(hash, 'settle')
  await assert.rejects(pay(third), { code: 'ALREADY_PAID' })
  assert.equal(provider.wallet.sent.length, 1)
  assert.equal(provider.ledger.totals(AGREEMENT).refundedMsat, 3_000n)
  assert.equal([...provider.ledger.all()].filter(({ step }) => step === STEP.void).length, 1)
  assert.equal(provider.ledger.payment(OTHER, 0, 'refund'), null)
})

test('a refund of another amount is requested only when the earlier invoice can no longer be paid', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  const first = await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER)
  const second = await buyer.payments.refundInvoice(AGREEMENT, 2_000n, PROVIDER)
  assert.equal(buyer.wallet.invoices.get(first.split('|')[1]!)!.status, 'refused')
  // Paid without notice: the debt is settled, and no third invoice is made.
  buyer.wallet.removeAllListeners('settled')
  await provider.payments.payRefund({
    agreement: AGREEMENT,
    invoice: second,
    msat: 2_000n,
    payee: buyer.wallet.nodeId,
    peer: BUYER
  })
  await assert.rejects(buyer.payments.refundInvoice(AGREEMENT, 1_000n, PROVIDER), { code: 'ALREADY_PAID' })
  assert.equal(buyer.ledger.totals(AGREEMENT).refundedMsat, 2_000n)
})

test('a paid refund invoice is not refused', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  const invoice = await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER)
  buyer.wallet.removeAllListeners('settled')
  await provider.payments.payRefund({
    agreement: AGREEMENT,
    invoice,
    msat: 3_000n,
    payee: buyer.wallet.nodeId,
    peer: BUYER
  })
  assert.equal(buyer.ledger.payment(AGREEMENT, 0, 'refund')!.step, 'listed')
  assert.equal(await buyer.payments.refuseRefund(AGREEMENT), false)
  assert.equal(buyer.ledger.payment(AGREEMENT, 0, 'refund')!.step, 'received')
  assert.throws(() => hashOf(provider, 0))
})

test('a failed refund is bound again before anything else is done with its debt', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  const invoice = await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER)
  const open: bigint[] = []
  const bind = async (work: () => Promise<void>): Promise<void> => {
    const look = (): unknown => open.push(provider.ledger.totals(AGREEMENT).refundOpenMsat)
    look()
    await work()
    look()
  }
  const pay = (): ReturnType<typeof provider.payments.payRefund> =>
    provider.payments.payRefund({
      agreement: AGREEMENT,
      invoice,
      msat: 3_000n,
      payee: buyer.wallet.nodeId,
      bind
    })
  provider.wallet.next = 'fail'
  await assert.rejects(pay(), { code: 'PAYMENT_FAILED' })
  provider.wallet.next = 'settle'
  assert.equal((await pay()).step, 'paid')
  assert.deepEqual(open, [0n, 3_000n, 0n, 3_000n])
})
