import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AGREEMENT, BUYER, OTHER, bound, ends, hashOf } from '../../../parts/payment/ends.js'

const GONE = { code: 'INSTALLMENT_REFUSED' }

test('a strip with one installment that can no longer be paid lists none of the others', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee, 2)
  const [, second] = list.installments
  const more = payee.payments.list(AGREEMENT, [2, 3].map(part), 0).installments
  const entries = payee.ledger.stats.entries
  // Another hash for an installment that has one.
  const other = { ...second!, hash: Buffer.alloc(32, 9) }
  await assert.rejects(
    payee.payments.strip({ agreement: AGREEMENT, installments: [other, ...more] }, 60),
    GONE
  )
  assert.equal(payee.ledger.stats.entries, entries)
  await payee.payments.refuseRest(AGREEMENT)
  await assert.rejects(
    payee.payments.strip({ agreement: AGREEMENT, installments: [...more, second!] }, 60),
    GONE
  )
  assert.equal(payee.ledger.stats.entries, entries + 2, 'two are refused, nothing is listed')
  assert.equal(payee.ledger.payment(AGREEMENT, 2), null)
})

const part = (number: number): { number: number; start: number; end: number; msat: bigint } => ({
  number,
  start: number,
  end: number + 1,
  msat: 5_000n
})

test('no invoice is given for an installment that is refused while its strip is made', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee, 1)
  const refuse = payee.wallet.refuse.bind(payee.wallet)
  let strip: Promise<string[]> | null = null
  payee.wallet.refuse = hash => {
    strip = payee.payments.strip(list, 60)
    strip.catch(() => undefined)
    return refuse(hash)
  }
  await payee.payments.refuseRest(AGREEMENT)
  await assert.rejects(strip!, GONE)
})

test('a strip that is asked for again after a credit has no invoice for what is settled', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee, 2)
  const [, second] = await payee.payments.strip(list, 3600)
  for (const end of [payer, payee]) await end.payments.credited(AGREEMENT, 0, OTHER)
  const strip = await payee.payments.strip(list, 3600)
  assert.deepEqual(strip, ['', second])
  await payer.payments.bind(list, strip, payee.wallet.nodeId)
  assert.deepEqual([payer.step(0), payer.step(1)], ['credited', 'bound'])
})

test('refusing the rest of an agreement again records nothing more', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 3)
  await payer.payments.pay(AGREEMENT, 0)
  assert.ok(await payee.payments.wasReceived(AGREEMENT, 0, 60_000))
  await payee.payments.refuseRest(AGREEMENT)
  const entries = payee.ledger.stats.entries
  const refuse = t.mock.method(payee.wallet, 'refuse')
  await payee.payments.refuseRest(AGREEMENT)
  assert.equal(payee.ledger.stats.entries, entries)
  assert.equal(refuse.mock.callCount(), 0)
})

test('an installment has at most 64 hashes', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  let hash = hashOf(payer, 0)
  for (let issue = 1; issue < 64; issue++) {
    const answer = await payee.payments.reissue({ agreement: AGREEMENT, installment: 0, hash }, 60)
    assert.ok('listed' in answer)
    assert.equal(answer.listed.issue, issue)
    hash = answer.listed.hash
  }
  await assert.rejects(payee.payments.reissue({ agreement: AGREEMENT, installment: 0, hash }, 60), GONE)
})

test('what is settled without a preimage, or is no installment, has no new hash', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 3)
  const again = (hash: Buffer, installment = 0): Promise<unknown> =>
    payee.payments.reissue({ agreement: AGREEMENT, installment, hash }, 60)
  // The refund of an agreement has the number of its first installment.
  await payee.payments.refundInvoice(AGREEMENT, 400n, BUYER)
  await assert.rejects(again(payee.ledger.payment(AGREEMENT, 0, 'refund')!.hash), GONE)
  // Credited, on the hash itself and on a later one.
  await payee.payments.credited(AGREEMENT, 0, OTHER)
  await assert.rejects(again(hashOf(payer, 0)), GONE)
  await again(hashOf(payer, 1), 1)
  await payee.payments.credited(AGREEMENT, 1, OTHER)
  await assert.rejects(again(hashOf(payer, 1), 1), GONE)
  // Paid on the first hash after all, while the second was out.
  await again(hashOf(payer, 2), 2)
  const second = payee.ledger.payment(AGREEMENT, 2)!
  payee.wallet.invoices.get(hashOf(payer, 2).toString('hex'))!.status = 'settled'
  await payee.payments.reconcile()
  assert.equal(payee.ledger.payment(AGREEMENT, 2)!.step, 'received')
  await assert.rejects(again(second.hash, 2), GONE)
})

test('an installment that a counter has settled has no new hash', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  for (let i = 0; i < 2; i++) await payee.payments.takeOver(AGREEMENT, 5_000n)
  assert.equal(payee.ledger.stats.entries, 2, 'listed, and received once')
  assert.equal(payee.wallet.invoices.get(hashOf(payer, 0).toString('hex'))!.status, 'refused')
  const failed = { agreement: AGREEMENT, installment: 0, hash: hashOf(payer, 0) }
  await assert.rejects(payee.payments.reissue(failed, 60), GONE)
})

test('a listed installment and a refund have hashes of their own, and no text before an invoice', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee, 1)
  await payee.payments.refundInvoice(AGREEMENT, 400n, BUYER)
  const refund = payee.ledger.payment(AGREEMENT, 0, 'refund')!
  assert.notDeepEqual(refund.hash, list.installments[0]!.hash)
  assert.deepEqual([refund.text, payee.ledger.payment(AGREEMENT, 0)!.text], ['', ''])
  await payer.payments.intend(payee.payments.list(OTHER, [part(0)], 0))
  assert.equal(payer.ledger.payment(OTHER, 0)!.text, '')
})

test('installments that a counter has settled are received although the ledger has none of them', async t => {
  const { payee } = await ends(t)
  const { installments } = payee.payments.list(OTHER, [part(0), part(1)], 0)
  await payee.payments.takeOver(OTHER, 10_000n, installments, 'payee', BUYER)
  const received = payee.ledger.payments(OTHER)
  assert.deepEqual(
    received.map(({ step, peer, msat }) => [step, peer, msat]),
    [0, 1].map(() => ['received', BUYER, 5_000n])
  )
  await payee.restart()
  assert.deepEqual(payee.unmended, [])
})
