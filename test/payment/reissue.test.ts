import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AGREEMENT, OTHER, bound, ends, hashOf } from './ends.js'
import type { End } from './ends.js'

const GONE = { code: 'SLICE_REFUSED', exit: 5 }

/** What a payer does whose payment has failed for good. */
async function reissued(payer: End, payee: End, epoch: number): Promise<Buffer> {
  const old = await payer.teller.voidable(AGREEMENT, epoch)
  const answer = await payee.teller.reissue(AGREEMENT, epoch, old!.hash, 3600)
  assert.ok('slice' in answer)
  await payer.teller.rebind(answer.slice, answer.invoice, payee.purse.nodeId, AGREEMENT)
  return old!.hash
}

test('a hash whose payment failed is given up for another, and only the new one can be paid', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  payer.purse.next = 'fail'
  await assert.rejects(payer.teller.pay(AGREEMENT, 0), { code: 'PAYMENT_FAILED' })
  payer.purse.next = 'settle'
  const old = await reissued(payer, payee, 0)
  assert.equal(payer.ledger.byHash(old)!.step, 'void')
  assert.equal(payee.ledger.byHash(old)!.step, 'refused')
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.issue, 1)
  // Whoever still pays the old one fails.
  const invoice = payer.ledger.byHash(old)!.text
  assert.equal((await payer.purse.pay(invoice, { maxFeeMsat: 0n })).status, 'failed')
  assert.equal((await payer.teller.pay(AGREEMENT, 0)).step, 'paid')
  for (const end of [payer, payee]) {
    await end.restart()
    assert.equal(end.ledger.contiguous(AGREEMENT), 1)
    assert.equal(end.ledger.payment(AGREEMENT, 0)!.issue, 1)
    assert.deepEqual(end.unmended, [])
  }
  const label = payee.purse.invoices.get(hashOf(payer, 0).toString('hex'))!.label
  assert.equal(label, `bushel/${AGREEMENT.toString('hex')}/slice/0/1`)
})

test('asked again, also after a restart, a reissue answers the same, and binding it again changes nothing', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const { hash } = (await payer.teller.voidable(AGREEMENT, 1))!
  const answers = await Promise.all([1, 2, 3].map(() => payee.teller.reissue(AGREEMENT, 1, hash, 3600)))
  await payee.restart()
  answers.push(await payee.teller.reissue(AGREEMENT, 1, hash, 60))
  for (const answer of answers) assert.deepEqual(answer, answers[0])
  const [answer] = answers
  assert.ok(answer && 'slice' in answer)
  for (let i = 0; i < 2; i++) {
    const payment = await payer.teller.rebind(answer.slice, answer.invoice, payee.purse.nodeId, AGREEMENT)
    assert.equal(payment.step, 'bound')
  }
  const entries = payer.ledger.stats.entries
  await payer.teller.rebind(answer.slice, answer.invoice, payee.purse.nodeId, AGREEMENT)
  assert.equal(payer.ledger.stats.entries, entries)
})

test('a hash that had settled is answered with its preimage, and the payer counts it', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  // The wallet of the payer lost the channel: it says failed, and the payee has the money.
  await payer.teller.pay(AGREEMENT, 0)
  payer.purse.next = 'pend'
  await assert.rejects(payer.teller.pay(AGREEMENT, 1), { code: 'PAYMENT_PENDING' })
  const hash = hashOf(payer, 1)
  payee.purse.invoices.get(hash.toString('hex'))!.status = 'settled'
  payer.purse.finish(hash, 'fail')
  assert.ok(await payer.teller.voidable(AGREEMENT, 1))
  const answer = await payee.teller.reissue(AGREEMENT, 1, hash, 3600)
  assert.ok('preimage' in answer)
  assert.equal(payee.step(1), 'received')
  await assert.rejects(payer.teller.learned(AGREEMENT, 1, Buffer.alloc(32, 5)), { code: 'INVOICE_REFUSED' })
  await assert.rejects(payer.teller.learned(AGREEMENT, 2, answer.preimage), { code: 'INVOICE_REFUSED' })
  assert.equal((await payer.teller.learned(AGREEMENT, 1, answer.preimage)).step, 'paid')
  assert.equal(payer.ledger.contiguous(AGREEMENT), 2)
  await payer.restart()
  assert.deepEqual(payer.unmended, [], 'it is known to stand on the word of the payee')
  assert.equal((await payer.teller.pay(AGREEMENT, 1)).step, 'paid')
})

test('while the wallet does not say failed, no hash is given up', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  payer.purse.next = 'pend'
  await assert.rejects(payer.teller.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  assert.equal(await payer.teller.voidable(AGREEMENT, 0), null)
  const answer = await payee.teller.reissue(AGREEMENT, 0, hashOf(payer, 0), 3600)
  assert.ok('slice' in answer)
  const rebind = (): Promise<unknown> =>
    payer.teller.rebind(answer.slice, answer.invoice, payee.purse.nodeId, AGREEMENT)
  await assert.rejects(rebind(), { code: 'PAYMENT_PENDING' })
  assert.equal(payer.step(0), 'sent')
  await payer.teller.pay(AGREEMENT, 2).catch(() => undefined)
  assert.equal(await payer.teller.voidable(AGREEMENT, 2), null)
})

test('a payment and the giving up of its hash never meet', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const hash = hashOf(payer, 0)
  const answer = await payee.teller.reissue(AGREEMENT, 0, hash, 3600)
  assert.ok('slice' in answer)
  const rebinding = payer.teller.rebind(answer.slice, answer.invoice, payee.purse.nodeId, AGREEMENT)
  await assert.rejects(payer.teller.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  await rebinding
  assert.deepEqual(payer.purse.sent, [])
  const paying = payer.teller.pay(AGREEMENT, 1)
  const other = await payee.teller.reissue(AGREEMENT, 1, hashOf(payer, 1), 3600)
  assert.ok('slice' in other || 'preimage' in other)
  if ('slice' in other)
    await assert.rejects(payer.teller.rebind(other.slice, other.invoice, payee.purse.nodeId, AGREEMENT))
  await paying.catch(() => undefined)
})

test('what was never listed, and what was refused at the end, is not issued anew', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee)
  await bound(payer, payee, 2, OTHER)
  const foreign = payer.ledger.payment(OTHER, 0)!.hash
  await assert.rejects(payee.teller.reissue(AGREEMENT, 0, foreign, 60), GONE)
  await assert.rejects(payee.teller.reissue(AGREEMENT, 1, hashOf(payer, 0), 60), GONE)
  await assert.rejects(payee.teller.reissue(AGREEMENT, 0, Buffer.alloc(32), 60), GONE)
  await payee.teller.refuseRest(AGREEMENT)
  await assert.rejects(payee.teller.reissue(AGREEMENT, 0, hashOf(payer, 0), 60), GONE)
  await assert.rejects(payee.teller.strip(list, 60), GONE)
  for (let i = 0, { hash } = payer.ledger.payment(OTHER, 1)!; ; i++) {
    assert.ok(i < 100, 'there is an end to it')
    const answer = await payee.teller.reissue(OTHER, 1, hash, 60).catch(() => null)
    if (!answer) break
    assert.ok('slice' in answer)
    hash = answer.slice.hash
  }
})

test('a payment that is told of on a refused hash counts only if the wallet has a record of it', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const old = await reissued(payer, payee, 0)
  payee.purse.emit('settled', old, 5_000n)
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(payee.ledger.byHash(old)!.step, 'refused')
  assert.equal(payee.faults.length, 1)
  assert.equal(payee.ledger.contiguous(AGREEMENT), 0)
})

test('a new hash that is not what was listed is refused', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const answer = await payee.teller.reissue(AGREEMENT, 0, hashOf(payer, 0), 3600)
  assert.ok('slice' in answer)
  const { slice, invoice } = answer
  const bad = [
    { ...slice, msat: slice.msat + 1n },
    { ...slice, issue: 0 },
    { ...slice, epoch: 99 },
    { ...slice, hash: hashOf(payer, 1) }
  ]
  for (const wrong of bad)
    await assert.rejects(payer.teller.rebind(wrong, invoice, payee.purse.nodeId, AGREEMENT), {
      code: 'INVOICE_REFUSED'
    })
  await assert.rejects(payer.teller.rebind(slice, invoice, payer.purse.nodeId, AGREEMENT), {
    code: 'INVOICE_REFUSED'
  })
  // More for the same epoch, with an invoice that says so too.
  const dearer = { ...slice, msat: slice.msat + 1n }
  const asked = invoice.replace(`|${slice.msat}|`, `|${dearer.msat}|`)
  assert.notEqual(asked, invoice)
  await assert.rejects(payer.teller.rebind(dearer, asked, payee.purse.nodeId, AGREEMENT), {
    code: 'INVOICE_REFUSED'
  })
  assert.equal(payer.step(0), 'bound')
})

test('an invoice that has expired is not paid, and another can be had', async t => {
  const { payer, payee } = await ends(t)
  let now = Date.now()
  payer.now = payee.purse.now = () => now
  await bound(payer, payee, 2, AGREEMENT, 60)
  now += 60_000
  await assert.rejects(payer.teller.pay(AGREEMENT, 0), { code: 'INVOICE_EXPIRED', exit: 5 })
  await payer.restart()
  await assert.rejects(payer.teller.pay(AGREEMENT, 0), { code: 'INVOICE_EXPIRED' })
  assert.deepEqual(payer.purse.sent, [])
  await reissued(payer, payee, 0)
  assert.equal((await payer.teller.pay(AGREEMENT, 0)).step, 'paid')
})

test('a slice that a debt settles is settled on both sides, and never paid', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  for (const end of [payer, payee]) {
    assert.equal((await end.teller.credited(AGREEMENT, 0, OTHER)).step, 'credited')
    assert.equal((await end.teller.credited(AGREEMENT, 0, OTHER)).step, 'credited')
    await end.restart()
    assert.equal(end.ledger.creditOf(OTHER), 5_000n)
    assert.equal(end.ledger.totals(AGREEMENT).creditedMsat, 5_000n)
    assert.equal(end.ledger.contiguous(AGREEMENT), 1)
    assert.deepEqual(end.unmended, [])
  }
  assert.equal((await payer.teller.pay(AGREEMENT, 0)).step, 'credited')
  assert.deepEqual(payer.purse.sent, [])
  assert.equal(payee.purse.invoices.get(hashOf(payer, 0).toString('hex'))!.status, 'refused')
  // One that is on its way is not credited; one that came in counts as received.
  payer.purse.next = 'pend'
  await assert.rejects(payer.teller.pay(AGREEMENT, 1), { code: 'PAYMENT_PENDING' })
  await assert.rejects(payer.teller.credited(AGREEMENT, 1, OTHER), { code: 'PAYMENT_PENDING' })
  payer.purse.finish(hashOf(payer, 1), 'settle')
  assert.equal((await payer.teller.credited(AGREEMENT, 1, OTHER)).step, 'paid')
  assert.equal((await payee.teller.credited(AGREEMENT, 1, OTHER)).step, 'received')
  assert.equal(payer.ledger.creditOf(OTHER), 5_000n)
})

test('after a counter that is later than our records, what it says is paid counts, and nothing is paid twice', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee)
  await payer.teller.takeOver(AGREEMENT, 14_999n) // not enough for a third
  assert.deepEqual(
    payer.ledger.payments(AGREEMENT).map(({ step }) => step),
    ['paid', 'paid', 'bound', 'bound']
  )
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.preimage, null)
  await payer.teller.takeOver(AGREEMENT, 10_001n)
  await payee.teller.takeOver(AGREEMENT, 10_001n)
  await payee.restart()
  assert.equal(payee.ledger.contiguous(AGREEMENT), 2)
  assert.deepEqual(payee.unmended, [])
  // An agreement that our ledger does not know at all.
  await payer.teller.takeOver(OTHER, 5_000n, payee.teller.list(OTHER, [], 0).slices)
  assert.equal(payer.ledger.contiguous(OTHER), 0)
  const slices = list.slices.map(slice => ({ ...slice, hash: Buffer.alloc(32, 40 + slice.epoch) }))
  await payer.teller.takeOver(OTHER, 10_001n, slices, 'payer')
  assert.equal(payer.ledger.contiguous(OTHER), 2)
  await payer.restart()
  assert.deepEqual(payer.unmended, [])
  assert.equal((await payer.teller.pay(AGREEMENT, 0)).step, 'paid')
  assert.deepEqual(payer.purse.sent, [])
})
