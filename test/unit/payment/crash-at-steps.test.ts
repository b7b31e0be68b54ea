import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Payment } from '../../../src/payment/ledger.js'
import { checkBalance } from '../../../src/payment/balance.js'
import { AGREEMENT, INSTALLMENTS, PROVIDER, bound, ends, hashOf } from '../../parts/payment/ends.js'
import type { End } from '../../parts/payment/ends.js'

const COUNT = 3

/** All steps of both sides for an agreement; begun again, it resumes from the disk. */
async function deal(payer: End, payee: End): Promise<void> {
  const list = payee.payments.list(AGREEMENT, INSTALLMENTS.slice(0, COUNT), 0)
  await payer.payments.intend(list, PROVIDER)
  await payer.payments.bind(list, await payee.payments.strip(list, 3600), payee.wallet.nodeId)
  for (let installment = 0; installment < COUNT; installment++) {
    const payment = await payer.payments.pay(AGREEMENT, installment)
    payer.payments.applied(payment)
    await payer.ledger.flush()
    if (!(await payee.payments.wasReceived(AGREEMENT, installment, 100)))
      assert.fail(`installment ${installment} is not received`)
    payee.payments.applied(payee.ledger.payment(AGREEMENT, installment)!)
    payee.payments.acknowledged(AGREEMENT, installment)
    payer.payments.acknowledged(AGREEMENT, installment)
  }
  await payer.ledger.flush()
  await payee.ledger.flush()
}

async function paidOnce(payer: End, payee: End): Promise<void> {
  assert.equal(payer.wallet.sent.length, COUNT)
  assert.equal(new Set(payer.wallet.sent).size, COUNT)
  for (const end of [payer, payee]) {
    assert.equal(end.ledger.contiguous(AGREEMENT), COUNT)
    assert.deepEqual(checkBalance(end.ledger, await end.wallet.history()).faults, [])
    assert.deepEqual(end.unmended, [])
  }
}

for (const role of ['payer', 'payee'] as const) {
  for (const when of ['ahead', 'written'] as const) {
    test(`every installment is paid once when a ${role} dies at each step of the ledger, ${when}`, async t => {
      const hit: string[] = []
      for (let crashAt = 0; ; crashAt++) {
        const both = await ends(t)
        const victim = both[role]
        let died = false
        let count = 0
        const die = (payments: Payment[]): void => {
          // Once dead it does nothing any more, whatever is pending in it.
          if (!died && count++ < crashAt) return
          if (!died) hit.push(payments.map(({ step }) => step).join('+'))
          died = true
          throw new Error('killed')
        }
        victim.ledger.on(when, die)
        const first = await Promise.allSettled([deal(both.payer, both.payee)])
        if (!died) {
          assert.equal(first[0].status, 'fulfilled')
          break
        }
        await victim.start()
        await deal(both.payer, both.payee)
        await paidOnce(both.payer, both.payee)
      }
      const steps = role === 'payer' ? ['intent', 'bound', 'sent', 'paid'] : ['listed', 'received']
      for (const step of [...steps, 'applied', 'receipt'])
        assert.ok(
          hit.some(text => text.includes(step)),
          `${step} was hit`
        )
    })
  }
}

test('a ledger restored from any older copy never pays an installment a second time', async t => {
  const { payer, payee, dir } = await ends(t)
  const copies: string[] = []
  payer.ledger.on('written', () => {
    copies.push(join(dir, `copy-${copies.length}`))
  })
  // A copy after each record: the store is read between the steps, as by a backup.
  const record = payer.ledger.record.bind(payer.ledger)
  payer.ledger.record = async (...drafts) => {
    const before = copies.length
    await record(...drafts)
    for (const copy of copies.slice(before)) await payer.copy(copy)
  }
  await deal(payer, payee)
  assert.ok(copies.length >= 8, `${copies.length} copies`)
  for (const copy of copies) {
    await payer.payments.close()
    payer.home = copy
    await payer.start()
    await deal(payer, payee)
    await paidOnce(payer, payee)
  }
})

test('the wallet is asked before sending a payment whose outcome the ledger has lost', async t => {
  const { payer, payee, dir } = await ends(t)
  await bound(payer, payee)
  await payer.copy(join(dir, 'old'))
  payer.wallet.next = 'pend'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  await payer.payments.close()
  payer.home = join(dir, 'old')
  // The wallet cannot list its history, so that only the question before the payment is left.
  payer.wallet.history = () => Promise.resolve([])
  await payer.start()
  payer.wallet.next = 'settle'
  assert.equal(payer.step(0), 'bound')
  const asked = payer.wallet.questions
  let told = 0
  payer.wallet.onpay = () => {
    told++
    assert.ok(payer.wallet.questions > asked, 'it was asked first')
    assert.equal(payer.step(0), 'sent', 'and what it said is on disk')
    return Promise.resolve()
  }
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  assert.equal(payer.step(0), 'sent')
  payer.wallet.finish(hashOf(payer, 0), 'settle')
  assert.equal((await payer.payments.pay(AGREEMENT, 0)).step, 'paid')
  assert.equal(told, 1, 'to wait for the end of what is under way')
  assert.equal(payer.wallet.sent.length, 1)
})

test('the wallet is not asked before sending a payment that was bound since the start', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const { questions } = payer.wallet
  assert.equal((await payer.payments.pay(AGREEMENT, 0)).step, 'paid')
  assert.equal(payer.wallet.questions, questions)
  payer.wallet.next = 'fail'
  await assert.rejects(payer.payments.pay(AGREEMENT, 1), { code: 'PAYMENT_FAILED' })
  payer.wallet.next = 'settle'
  assert.equal((await payer.payments.pay(AGREEMENT, 1)).step, 'paid')
  assert.equal(payer.wallet.questions, questions + 1, 'of one that was sent before it is')
})
