import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AGREEMENT, OTHER, bound, ends, hashOf } from '../../parts/payment/ends.js'
import type { End } from '../../parts/payment/ends.js'

const GONE = { code: 'INSTALLMENT_REFUSED', exit: 5 }

/** The steps of a payer whose payment has failed for good. */
async function reissued(payer: End, payee: End, installment: number): Promise<Buffer> {
  const old = await payer.payments.voidable(AGREEMENT, installment)
  const answer = await payee.payments.reissue({ agreement: AGREEMENT, installment, hash: old!.hash }, 3600)
  assert.ok('listed' in answer)
  await payer.payments.rebind(answer.listed, answer.invoice, payee.wallet.nodeId, AGREEMENT)
  return old!.hash
}

test('a hash whose payment failed is replaced, and only the new hash can be paid', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  payer.wallet.next = 'fail'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_FAILED' })
  payer.wallet.next = 'settle'
  const old = await reissued(payer, payee, 0)
  assert.equal(payer.ledger.byHash(old)!.step, 'void')
  assert.equal(payee.ledger.byHash(old)!.step, 'refused')
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.issue, 1)
  // A late payment of the old hash fails.
  const invoice = payer.ledger.byHash(old)!.text
  assert.equal((await payer.wallet.pay(invoice, { maxFeeMsat: 0n })).status, 'failed')
  assert.equal((await payer.payments.pay(AGREEMENT, 0)).step, 'paid')
  for (const end of [payer, payee]) {
    await end.restart()
    assert.equal(end.ledger.contiguous(AGREEMENT), 1)
    assert.equal(end.ledger.payment(AGREEMENT, 0)!.issue, 1)
    assert.deepEqual(end.unmended, [])
  }
  const label = payee.wallet.invoices.get(hashOf(payer, 0).toString('hex'))!.label
  assert.equal(label, `bushel/${AGREEMENT.toString('hex')}/installment/0/1`)
})

test('a repeated reissue gives the same answer, also after a restart, and binding it again changes nothing', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const { hash } = (await payer.payments.voidable(AGREEMENT, 1))!
  const answers = await Promise.all(
    [1, 2, 3].map(() => payee.payments.reissue({ agreement: AGREEMENT, installment: 1, hash }, 3600))
  )
  await payee.restart()
  answers.push(await payee.payments.reissue({ agreement: AGREEMENT, installment: 1, hash }, 60))
  for (const answer of answers) assert.deepEqual(answer, answers[0])
  const [answer] = answers
  assert.ok(answer && 'listed' in answer)
  for (let i = 0; i < 2; i++) {
    const payment = await payer.payments.rebind(answer.listed, answer.invoice, payee.wallet.nodeId, AGREEMENT)
    assert.equal(payment.step, 'bound')
  }
  const entries = payer.ledger.stats.entries
  await payer.payments.rebind(answer.listed, answer.invoice, payee.wallet.nodeId, AGREEMENT)
  assert.equal(payer.ledger.stats.entries, entries)
})

test('a settled hash is answered with its preimage, and the payer counts it', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  // The payer's wallet lost the channel: it reports a failure while the payee has the money.
  await payer.payments.pay(AGREEMENT, 0)
  payer.wallet.next = 'pend'
  await assert.rejects(payer.payments.pay(AGREEMENT, 1), { code: 'PAYMENT_PENDING' })
  const hash = hashOf(payer, 1)
  payee.wallet.invoices.get(hash.toString('hex'))!.status = 'settled'
  payer.wallet.finish(hash, 'fail')
  assert.ok(await payer.payments.voidable(AGREEMENT, 1))
  const answer = await payee.payments.reissue({ agreement: AGREEMENT, installment: 1, hash }, 3600)
  assert.ok('preimage' in answer)
  assert.equal(payee.step(1), 'received')
  await assert.rejects(payer.payments.learned(AGREEMENT, 1, Buffer.alloc(32, 5)), { code: 'INVOICE_REFUSED' })
  await assert.rejects(payer.payments.learned(AGREEMENT, 2, answer.preimage), { code: 'INVOICE_REFUSED' })
  assert.equal((await payer.payments.learned(AGREEMENT, 1, answer.preimage)).step, 'paid')
  assert.equal(payer.ledger.contiguous(AGREEMENT), 2)
  await payer.restart()
  assert.deepEqual(payer.unmended, [], 'it is known to stand on the word of the payee')
  assert.equal((await payer.payments.pay(AGREEMENT, 1)).step, 'paid')
})

test('no hash is replaced before the wallet reports a failure', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  payer.wallet.next = 'pend'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  assert.equal(await payer.payments.voidable(AGREEMENT, 0), null)
  const answer = await payee.payments.reissue(
    { agreement: AGREEMENT, installment: 0, hash: hashOf(payer, 0) },
    3600
  )
  assert.ok('listed' in answer)
  const rebind = (): Promise<unknown> =>
    payer.payments.rebind(answer.listed, answer.invoice, payee.wallet.nodeId, AGREEMENT)
  await assert.rejects(rebind(), { code: 'PAYMENT_PENDING' })
  assert.equal(payer.step(0), 'sent')
  await payer.payments.pay(AGREEMENT, 2).catch(() => undefined)
  assert.equal(await payer.payments.voidable(AGREEMENT, 2), null)
})

test('paying a hash and replacing it exclude each other', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const hash = hashOf(payer, 0)
  const answer = await payee.payments.reissue({ agreement: AGREEMENT, installment: 0, hash }, 3600)
  assert.ok('listed' in answer)
  const rebinding = payer.payments.rebind(answer.listed, answer.invoice, payee.wallet.nodeId, AGREEMENT)
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  await rebinding
  assert.deepEqual(payer.wallet.sent, [])
  // The wallet sends when the hash has been given up, and not before.
  const { pay } = payer.wallet
  let send = (): void => undefined
  const given = new Promise<void>(resolve => (send = resolve))
  const begun = new Promise<void>(resolve => {
    payer.wallet.pay = async (...args) => {
      resolve()
      await given
      return await pay.apply(payer.wallet, args)
    }
  })
  const paying = payer.payments.pay(AGREEMENT, 1)
  const refused = assert.rejects(paying, { code: 'PAYMENT_FAILED' })
  await begun
  const other = await payee.payments.reissue(
    { agreement: AGREEMENT, installment: 1, hash: hashOf(payer, 1) },
    3600
  )
  assert.ok('listed' in other)
  await assert.rejects(payer.payments.rebind(other.listed, other.invoice, payee.wallet.nodeId, AGREEMENT), {
    code: 'PAYMENT_PENDING'
  })
  send()
  await refused
})

test('unlisted and finally refused installments are not issued anew', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee)
  await bound(payer, payee, 2, OTHER)
  const foreign = payer.ledger.payment(OTHER, 0)!.hash
  await assert.rejects(
    payee.payments.reissue({ agreement: AGREEMENT, installment: 0, hash: foreign }, 60),
    GONE
  )
  await assert.rejects(
    payee.payments.reissue({ agreement: AGREEMENT, installment: 1, hash: hashOf(payer, 0) }, 60),
    GONE
  )
  await assert.rejects(
    payee.payments.reissue({ agreement: AGREEMENT, installment: 0, hash: Buffer.alloc(32) }, 60),
    GONE
  )
  await payee.payments.refuseRest(AGREEMENT)
  await assert.rejects(
    payee.payments.reissue({ agreement: AGREEMENT, installment: 0, hash: hashOf(payer, 0) }, 60),
    GONE
  )
  await assert.rejects(payee.payments.strip(list, 60), GONE)
  for (let i = 0, { hash } = payer.ledger.payment(OTHER, 1)!; ; i++) {
    assert.ok(i < 100, 'there is an end to it')
    const answer = await payee.payments
      .reissue({ agreement: OTHER, installment: 1, hash }, 60)
      .catch(() => null)
    if (!answer) break
    assert.ok('listed' in answer)
    hash = answer.listed.hash
  }
})

test('a payment reported on a refused hash counts only if the wallet has a record of it', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const old = await reissued(payer, payee, 0)
  payee.wallet.emit('settled', old, 5_000n)
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(payee.ledger.byHash(old)!.step, 'refused')
  assert.equal(payee.faults.length, 1)
  assert.equal(payee.ledger.contiguous(AGREEMENT), 0)
})

test('a new hash that differs from the list is refused', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const answer = await payee.payments.reissue(
    { agreement: AGREEMENT, installment: 0, hash: hashOf(payer, 0) },
    3600
  )
  assert.ok('listed' in answer)
  const { listed, invoice } = answer
  const bad = [
    { ...listed, msat: listed.msat + 1n },
    { ...listed, issue: 0 },
    { ...listed, installment: 99 },
    { ...listed, hash: hashOf(payer, 1) }
  ]
  for (const wrong of bad)
    await assert.rejects(payer.payments.rebind(wrong, invoice, payee.wallet.nodeId, AGREEMENT), {
      code: 'INVOICE_REFUSED'
    })
  await assert.rejects(payer.payments.rebind(listed, invoice, payer.wallet.nodeId, AGREEMENT), {
    code: 'INVOICE_REFUSED'
  })
  // More for the same installment, with an invoice of that amount.
  const dearer = { ...listed, msat: listed.msat + 1n }
  const asked = invoice.replace(`|${listed.msat}|`, `|${dearer.msat}|`)
  assert.notEqual(asked, invoice)
  await assert.rejects(payer.payments.rebind(dearer, asked, payee.wallet.nodeId, AGREEMENT), {
    code: 'INVOICE_REFUSED'
  })
  assert.equal(payer.step(0), 'bound')
})

test('an expired invoice is not paid, and another one can be had', async t => {
  const { payer, payee } = await ends(t)
  let now = Date.now()
  payer.now = payee.wallet.now = () => now
  await bound(payer, payee, 2, AGREEMENT, 60)
  now += 60_000
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'INVOICE_EXPIRED', exit: 5 })
  await payer.restart()
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'INVOICE_EXPIRED' })
  assert.deepEqual(payer.wallet.sent, [])
  await reissued(payer, payee, 0)
  assert.equal((await payer.payments.pay(AGREEMENT, 0)).step, 'paid')
})

test('a credited installment is settled on both sides and never paid', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  for (const end of [payer, payee]) {
    assert.equal((await end.payments.credited(AGREEMENT, 0, OTHER)).step, 'credited')
    assert.equal((await end.payments.credited(AGREEMENT, 0, OTHER)).step, 'credited')
    await end.restart()
    assert.equal(end.ledger.creditOf(OTHER), 5_000n)
    assert.equal(end.ledger.totals(AGREEMENT).creditedMsat, 5_000n)
    assert.equal(end.ledger.contiguous(AGREEMENT), 1)
    assert.deepEqual(end.unmended, [])
  }
  assert.equal((await payer.payments.pay(AGREEMENT, 0)).step, 'credited')
  assert.deepEqual(payer.wallet.sent, [])
  assert.equal(payee.wallet.invoices.get(hashOf(payer, 0).toString('hex'))!.status, 'refused')
  // A pending payment is not credited; one that came in counts as received.
  payer.wallet.next = 'pend'
  await assert.rejects(payer.payments.pay(AGREEMENT, 1), { code: 'PAYMENT_PENDING' })
  await assert.rejects(payer.payments.credited(AGREEMENT, 1, OTHER), { code: 'PAYMENT_PENDING' })
  payer.wallet.finish(hashOf(payer, 1), 'settle')
  assert.equal((await payer.payments.credited(AGREEMENT, 1, OTHER)).step, 'paid')
  assert.equal((await payee.payments.credited(AGREEMENT, 1, OTHER)).step, 'received')
  assert.equal(payer.ledger.creditOf(OTHER), 5_000n)
})

test('a counter later than our records counts for what it says was paid, and nothing is paid twice', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee)
  await payer.payments.takeOver(AGREEMENT, 14_999n) // not enough for a third
  assert.deepEqual(
    payer.ledger.payments(AGREEMENT).map(({ step }) => step),
    ['paid', 'paid', 'bound', 'bound']
  )
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.preimage, null)
  await payer.payments.takeOver(AGREEMENT, 10_001n)
  await payee.payments.takeOver(AGREEMENT, 10_001n)
  await payee.restart()
  assert.equal(payee.ledger.contiguous(AGREEMENT), 2)
  assert.deepEqual(payee.unmended, [])
  // An agreement that our ledger does not know.
  await payer.payments.takeOver(OTHER, 5_000n, payee.payments.list(OTHER, [], 0).installments)
  assert.equal(payer.ledger.contiguous(OTHER), 0)
  const installments = list.installments.map(listed => ({
    ...listed,
    hash: Buffer.alloc(32, 40 + listed.installment)
  }))
  await payer.payments.takeOver(OTHER, 10_001n, installments, 'payer')
  assert.equal(payer.ledger.contiguous(OTHER), 2)
  await payer.restart()
  assert.deepEqual(payer.unmended, [])
  assert.equal((await payer.payments.pay(AGREEMENT, 0)).step, 'paid')
  assert.deepEqual(payer.wallet.sent, [])
})
