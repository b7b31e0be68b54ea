import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import type { InstallmentList } from '#spec'
import { STRIP_LENGTH } from '../../../contracts/schema/counts.js'
import { AGREEMENT, INSTALLMENTS, End, OTHER, bound, ends, hashOf } from '../../parts/payment/ends.js'
import { FakeWallet } from '../../doubles/fake-wallet.js'

test('an installment is paid, and both sides have recorded it', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const received = once(payee.payments, 'received')
  const payment = await payer.payments.pay(AGREEMENT, 0)
  assert.equal(payment.step, 'paid')
  assert.deepEqual(createHash('sha256').update(payment.preimage!).digest(), payment.hash)
  await received
  assert.equal(payee.ledger.payment(AGREEMENT, 0)!.step, 'received')
  assert.deepEqual(payer.ledger.totals(AGREEMENT), {
    paidMsat: 5_000n,
    feesMsat: 7n,
    receivedMsat: 0n,
    inFlightMsat: 0n,
    refundedMsat: 0n,
    refundOpenMsat: 0n,
    creditedMsat: 0n,
    payments: 1
  })
  assert.equal(payee.ledger.totals(AGREEMENT).receivedMsat, 5_000n)
  assert.equal(payer.ledger.contiguous(AGREEMENT), 1)
  await payer.payments.pay(AGREEMENT, 2)
  assert.equal(payer.ledger.contiguous(AGREEMENT), 1, 'not past a gap')
  await payer.payments.pay(AGREEMENT, 1)
  assert.equal(payer.ledger.contiguous(AGREEMENT), 3)
  // the wallet of the payee tells of a payment after the payer's does
  for (const number of [1, 2]) assert.ok(await payee.payments.wasReceived(AGREEMENT, number, 60_000))
  for (const end of [payer, payee]) {
    const before = [end.ledger.payments(AGREEMENT), end.ledger.totals(AGREEMENT)]
    await end.restart()
    assert.deepEqual([end.ledger.payments(AGREEMENT), end.ledger.totals(AGREEMENT)], before)
    assert.deepEqual(end.read().payments(AGREEMENT), before[0])
  }
})

test('a payment is on disk before the wallet hears of it, and a receipt before its invoice is sent', async t => {
  const { payer, payee } = await ends(t)
  const issue = payee.wallet.issue.bind(payee.wallet)
  payee.wallet.issue = request => {
    const hash = createHash('sha256').update(request.preimage).digest()
    assert.equal(payee.read().byHash(hash)?.step, 'listed')
    return issue(request)
  }
  let seen = 0
  payer.wallet.onpay = async hash => {
    const written = payer.read().byHash(hash)
    assert.equal(written?.step, 'sent')
    assert.equal(written.msat, 5_000n)
    seen++
  }
  await bound(payer, payee)
  const step = payer.read().payment(AGREEMENT, 0)?.step
  assert.equal(step, 'bound')
  await payer.payments.pay(AGREEMENT, 0)
  assert.equal(seen, 1)
  assert.equal(payer.read().payment(AGREEMENT, 0)?.step, 'paid', 'before pay resolves')
})

test('an installment is paid once, however often it is requested', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const all = await Promise.all(Array.from({ length: 5 }, () => payer.payments.pay(AGREEMENT, 0)))
  for (const payment of all) assert.deepEqual(payment, all[0])
  await payer.payments.pay(AGREEMENT, 0)
  await payer.restart()
  assert.equal((await payer.payments.pay(AGREEMENT, 0)).step, 'paid')
  assert.equal(payer.wallet.sent.length, 1)
})

test('a pending payment is not paid again and goes on when the wallet knows its outcome', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  payer.wallet.next = 'pend'
  for (let i = 0; i < 3; i++)
    await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING', exit: 5 })
  await payer.restart()
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  assert.equal(payer.wallet.sent.length, 1)
  assert.equal(payer.ledger.totals(AGREEMENT).inFlightMsat, 5_000n)
  payer.wallet.next = 'settle'
  assert.equal((await payer.payments.pay(AGREEMENT, 1)).step, 'paid', 'the next one may go on')
  payer.wallet.finish(hashOf(payer, 0), 'settle')
  assert.equal((await payer.payments.pay(AGREEMENT, 0)).step, 'paid')
  assert.equal(payer.wallet.sent.length, 2)
  assert.equal(payer.ledger.totals(AGREEMENT).inFlightMsat, 0n)
})

test('two pending payments pause the agreement, even when all are requested at the same time', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 5)
  payer.wallet.next = 'pend'
  const answers = await Promise.allSettled(
    [0, 1, 2, 3].map(installment => payer.payments.pay(AGREEMENT, installment))
  )
  for (const answer of answers) {
    assert.equal(answer.status, 'rejected')
    assert.equal((answer.reason as { code: string }).code, 'PAYMENT_PENDING')
  }
  assert.equal(payer.wallet.sent.length, 2)
  await assert.rejects(payer.payments.pay(AGREEMENT, 4), { code: 'PAYMENT_PENDING' })
  assert.equal(payer.wallet.sent.length, 2)
  payer.wallet.finish(hashOf(payer, 0), 'fail')
  payer.wallet.next = 'settle'
  await payer.payments.pay(AGREEMENT, 0)
  assert.equal((await payer.payments.pay(AGREEMENT, 4)).step, 'paid')
})

test('a failed payment may be made again on the same hash', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const hash = hashOf(payer, 0)
  payer.wallet.next = 'fail'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_FAILED', exit: 5 })
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.step, 'failed')
  await payer.restart()
  payer.wallet.next = 'settle'
  assert.equal((await payer.payments.pay(AGREEMENT, 0)).step, 'paid')
  assert.deepEqual(hashOf(payer, 0), hash)
  assert.deepEqual(payer.wallet.sent, [hash.toString('hex'), hash.toString('hex')])
  assert.equal(payer.ledger.totals(AGREEMENT).paidMsat, 5_000n)
})

test('a payment that the wallet never heard of is made after a restart', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  payer.wallet.next = 'die-before'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0))
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.step, 'sent')
  await payer.restart()
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.step, 'bound')
  payer.wallet.next = 'settle'
  assert.equal((await payer.payments.pay(AGREEMENT, 0)).step, 'paid')
  assert.equal(payer.wallet.sent.length, 1)
})

test('a payment that settled unseen is recorded at the next start, on both sides', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  await payee.payments.close()
  payer.wallet.next = 'die-after'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0))
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.step, 'sent')
  await payer.restart()
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.step, 'paid')
  await payee.start()
  assert.equal(payee.ledger.payment(AGREEMENT, 0)!.step, 'received')
  assert.equal(payer.wallet.sent.length, 1)
})

test('a preimage that does not fit its hash is not believed', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  payer.wallet.next = 'lie'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), /preimage/)
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.step, 'sent')
})

test('a payment is received once, however often the wallet reports it', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  let events = 0
  payee.payments.on('received', () => events++)
  await payer.payments.pay(AGREEMENT, 0)
  assert.ok(await payee.payments.wasReceived(AGREEMENT, 0, 0))
  const { hash, msat } = payee.ledger.payment(AGREEMENT, 0)!
  for (let i = 0; i < 3; i++) payee.wallet.emit('settled', hash, msat)
  await Promise.all([payee.payments.wasReceived(AGREEMENT, 0, 0), payee.payments.reconcile()])
  await payee.restart()
  assert.equal(events, 1)
  assert.equal(payee.read().totals(AGREEMENT).receivedMsat, 5_000n)
  // Four listed and one received.
  assert.equal(payee.ledger.stats.entries, 5)
  assert.deepEqual(payee.faults, [])
})

test('the claim of a payer is not enough: our own wallet is asked', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  assert.equal(await payee.payments.wasReceived(AGREEMENT, 0, 10), false)
  assert.equal(await payee.payments.wasReceived(AGREEMENT, 99, 10), false)
  const waiting = payee.payments.wasReceived(AGREEMENT, 0, 10_000)
  await payer.payments.pay(AGREEMENT, 0)
  assert.equal(await waiting, true)
})

test('less than the amount does not settle an installment', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  payee.wallet.emit('settled', payee.ledger.payment(AGREEMENT, 0)!.hash, 4_999n)
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(payee.ledger.payment(AGREEMENT, 0)!.step, 'listed')
  assert.equal(payee.faults.length, 1)
  assert.equal(payer.faults.length, 0)
})

test('a refused hash can no longer be paid, and an earlier payment counts', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 3)
  // The payment of installment 0 settles while its refusal is under way.
  const refuse = payee.wallet.refuse.bind(payee.wallet)
  payee.wallet.refuse = async hash => {
    if (hash.equals(hashOf(payer, 0))) await payer.payments.pay(AGREEMENT, 0)
    return refuse(hash)
  }
  await payee.payments.refuseRest(AGREEMENT)
  assert.deepEqual(
    payee.ledger.payments(AGREEMENT).map(({ step }) => step),
    ['received', 'refused', 'refused']
  )
  await assert.rejects(payer.payments.pay(AGREEMENT, 1), { code: 'PAYMENT_FAILED' })
  assert.equal(payee.ledger.totals(AGREEMENT).receivedMsat, 5_000n)
  await payee.payments.refuseRest(AGREEMENT)
  assert.equal(payee.ledger.payments(AGREEMENT)[0]!.step, 'received')
})

test('one bad invoice among many means that none is bound', async t => {
  const { payer, payee } = await ends(t)
  const list = payee.payments.list(AGREEMENT, INSTALLMENTS.slice(0, 4), 0)
  const good = await payee.payments.strip(list, 3600)
  const { nodeId } = payee.wallet
  const other = new FakeWallet(9)
  const changes: ((invoice: string) => string)[] = [
    () => 'garbage',
    invoice => invoice.replace('play-1', 'bitcoin'),
    invoice => invoice.replace('|5002|', '|5003|'),
    invoice => invoice.replace(nodeId.toString('hex'), other.nodeId.toString('hex')),
    invoice => invoice.replace(/ 2\|/, ' 1|'),
    () => good[1]!
  ]
  for (const change of changes) {
    const strip = good.with(2, change(good[2]!))
    assert.notEqual(strip[2], good[2])
    await assert.rejects(payer.payments.bind(list, strip, nodeId), { code: 'INVOICE_REFUSED' })
  }
  await assert.rejects(payer.payments.bind(list, good.slice(1), nodeId), { code: 'INVOICE_REFUSED' })
  await assert.rejects(payer.payments.bind(list, [...good, good[0]!], nodeId), { code: 'INVOICE_REFUSED' })
  await assert.rejects(payer.payments.bind(list, good, other.nodeId), { code: 'INVOICE_REFUSED' })
  assert.deepEqual(payer.ledger.payments(AGREEMENT), [])
  assert.equal(payer.ledger.stats.entries, 0)
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'INVOICE_REFUSED' })
  await payer.payments.bind(list, good, nodeId)
  assert.equal(payer.ledger.payments(AGREEMENT).length, 4)
})

test('a second hash for an installment and a hash that is used elsewhere are refused', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee)
  const liar = new End(payee.wallet, payee.home + '-2', 7)
  await liar.start()
  const second = liar.payments.list(AGREEMENT, INSTALLMENTS.slice(0, 4), 0)
  const strip = await liar.payments.strip(second, 3600)
  await assert.rejects(payer.payments.bind(second, strip, payee.wallet.nodeId), { code: 'INVOICE_REFUSED' })
  // The same hashes for another agreement: one payment would count for two.
  const again: InstallmentList = { agreement: OTHER, installments: list.installments }
  const invoices = list.installments.map(
    listed =>
      `play-1|${listed.hash.toString('hex')}|${listed.msat}|${payee.wallet.nodeId.toString('hex')}|bushel/1 ${OTHER.toString('hex')} ${listed.installment}|${Date.now() + 60_000}`
  )
  await assert.rejects(payer.payments.bind(again, invoices, payee.wallet.nodeId), { code: 'INVOICE_REFUSED' })
  assert.deepEqual(payer.ledger.payments(OTHER), [])
  assert.deepEqual(
    payer.ledger.payments(AGREEMENT).map(({ hash }) => hash),
    list.installments.map(({ hash }) => hash)
  )
  await liar.payments.close()
})

test('a listed installment is not bound for another amount or as another issue', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee)
  const strip = await payee.payments.strip(list, 60)
  for (const change of [{ msat: list.installments[0]!.msat + 1n }, { issue: 1 }]) {
    const first = { ...list.installments[0]!, ...change }
    const otherwise: InstallmentList = { ...list, installments: [first, ...list.installments.slice(1)] }
    const invoices = [strip[0]!.replace(/\|\d+\|/, `|${first.msat}|`), ...strip.slice(1)]
    const refused = { code: 'INVOICE_REFUSED' }
    await assert.rejects(payer.payments.bind(otherwise, invoices, payee.wallet.nodeId), refused)
    await assert.rejects(payer.payments.intend(otherwise), refused)
  }
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.msat, list.installments[0]!.msat)
})

test('binding the same strip again changes nothing', async t => {
  const { payer, payee } = await ends(t)
  const list = await bound(payer, payee)
  await payer.payments.pay(AGREEMENT, 0)
  const before = payer.ledger.stats.entries
  await payer.payments.bind(list, await payee.payments.strip(list, 60), payee.wallet.nodeId)
  assert.equal(payer.ledger.stats.entries, before)
  assert.equal(payer.ledger.payment(AGREEMENT, 0)!.step, 'paid')
})

test('the hashes of a list are the same again, and no two are equal', async t => {
  const { payee } = await ends(t)
  const lists = [AGREEMENT, OTHER].flatMap(agreement =>
    [0, STRIP_LENGTH].map(from => payee.payments.list(agreement, INSTALLMENTS, from))
  )
  assert.deepEqual(
    lists.map(list => list.installments.length),
    [64, 36, 64, 36]
  )
  const hashes = new Set(lists.flatMap(list => list.installments.map(listed => listed.hash.toString('hex'))))
  assert.equal(hashes.size, 200)
  await payee.restart()
  assert.deepEqual(payee.payments.list(OTHER, INSTALLMENTS, STRIP_LENGTH), lists[3])
  assert.equal(payee.ledger.stats.entries, 0, 'a list alone changes nothing')
  for (const [i, listed] of lists[1]!.installments.entries()) {
    assert.equal(listed.installment, STRIP_LENGTH + i)
    assert.equal(listed.msat, INSTALLMENTS[STRIP_LENGTH + i]!.msat)
  }
})

test('a strip that is requested again has the same invoices', async t => {
  const { payee } = await ends(t)
  const list = payee.payments.list(AGREEMENT, INSTALLMENTS.slice(0, 4), 0)
  const first = await payee.payments.strip(list, 3600)
  await payee.restart()
  assert.deepEqual(await payee.payments.strip(list, 3600), first)
  assert.equal(payee.ledger.stats.entries, 4)
})
