import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AGREEMENT, BUYER, PROVIDER, bound, draft, ends } from '../../../parts/payment/ends.js'
import type { End } from '../../../parts/payment/ends.js'
import { STEP } from '../../../../src/payment/payment-state.js'

const REFUSED = { code: 'INVOICE_REFUSED' }

function payRefund(provider: End, buyer: End, invoice: string, msat = 3_000n): Promise<unknown> {
  const { nodeId } = buyer.wallet
  return provider.payments.payRefund({ agreement: AGREEMENT, invoice, msat, payee: nodeId, peer: BUYER })
}

test('a refund invoice names its agreement, and is refused in the ledger when another replaces it', async t => {
  const { payer: buyer } = await ends(t)
  const first = await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER)
  assert.equal(first.split('|')[4], `bushel/1 ${AGREEMENT.toString('hex')} refund`)
  await buyer.payments.refundInvoice(AGREEMENT, 2_000n, PROVIDER)
  assert.equal(buyer.ledger.byHash(Buffer.from(first.split('|')[1]!, 'hex'))!.step, 'refused')
  assert.equal(buyer.ledger.totals(AGREEMENT).refundOpenMsat, 2_000n)
})

test('refusing a refund invoice asks the wallet only while there is one to refuse', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  const refuse = t.mock.method(buyer.wallet, 'refuse')
  assert.equal(await buyer.payments.refuseRefund(AGREEMENT), true, 'there is none')
  await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER)
  assert.equal(await buyer.payments.refuseRefund(AGREEMENT), true)
  assert.equal(await buyer.payments.refuseRefund(AGREEMENT), true, 'refused before')
  assert.equal(refuse.mock.callCount(), 1)
  await payRefund(provider, buyer, await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER))
  await buyer.payments.reconcile()
  assert.equal(await buyer.payments.refuseRefund(AGREEMENT), false, 'it is paid')
  assert.equal(refuse.mock.callCount(), 1)
})

test('the invoice of a failed refund is paid for the rest of the debt and for nothing else', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  const invoice = await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER)
  provider.wallet.next = 'fail'
  await assert.rejects(payRefund(provider, buyer, invoice), { code: 'PAYMENT_FAILED' })
  provider.wallet.next = 'settle'
  await assert.rejects(payRefund(provider, buyer, invoice, 2_999n), REFUSED)
  assert.equal(provider.ledger.payment(AGREEMENT, 0, 'refund')!.step, 'failed')
  assert.equal(provider.wallet.sent.length, 1)
})

test('the hash of another payment is not accepted for a refund', async t => {
  const { payer: buyer, payee: provider } = await ends(t)
  await bound(buyer, provider, 1)
  const invoice = await buyer.payments.refundInvoice(AGREEMENT, 3_000n, PROVIDER)
  const known = draft(0, { agreement: BUYER, hash: Buffer.alloc(32, 0x77), msat: 3_000n, step: STEP.bound })
  await provider.ledger.record(known)
  const other = invoice.replace(/\|[0-9a-f]{64}\|/, `|${'77'.repeat(32)}|`)
  await assert.rejects(payRefund(provider, buyer, other), { ...REFUSED, message: /already belongs/ })
  assert.equal(provider.ledger.payment(AGREEMENT, 0, 'refund'), null)
  // Nor the hash of a refund for an installment.
  await assert.rejects(payRefund(provider, buyer, invoice, 2_999n), REFUSED)
  await payRefund(provider, buyer, invoice)
  const { hash } = provider.ledger.payment(AGREEMENT, 0, 'refund')!
  const listed = { installment: 0, issue: 0, hash, msat: 3_000n }
  await assert.rejects(provider.payments.intend({ agreement: AGREEMENT, installments: [listed] }), REFUSED)
})
