import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { loggerTo } from '../../../src/base/logger.js'
import type { Fields } from '../../../src/base/logger.js'
import { logPayments } from '../../../src/payment/events/payment-log.js'
import { STEP } from '../../../src/payment/payment-state.js'
import { AGREEMENT, BUYER, INSTALLMENTS, PROVIDER, bound, ends, hashOf } from '../../parts/payment/ends.js'
import type { End } from '../../parts/payment/ends.js'

type Line = [level: string, message: string, fields: Fields]

function linesOf(t: TestContext, end: End): Line[] {
  const lines: Line[] = []
  const log = loggerTo(({ level, message, fields }) => lines.push([level, message, fields]))
  t.after(logPayments(end.ledger, log))
  return lines
}

const installment = { agreement: AGREEMENT, role: 'payer', kind: 'installment', peer: PROVIDER }
const none = { feeMsat: null, issue: null, hash: null }

test('installments that take the same step at once share one line with their sum', async t => {
  const { payer, payee } = await ends(t)
  const lines = linesOf(t, payer)
  await bound(payer, payee, 3)
  const sum = { ...installment, ...none, installment: '0-2', msat: 15_003n }
  assert.deepEqual(lines, [
    ['info', 'payment intent', sum],
    ['info', 'payment bound', sum]
  ])
})

test('each step of a payment has a line with its amount, fee and hash', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  const lines = linesOf(t, payer)
  const payment = await payer.payments.pay(AGREEMENT, 1)
  const one = {
    ...installment,
    ...none,
    installment: 1,
    msat: 5_001n,
    hash: hashOf(payer, 1).toString('hex')
  }
  assert.deepEqual(lines, [
    ['info', 'payment sent', one],
    ['info', 'payment paid', { ...one, feeMsat: 7n }]
  ])
  lines.length = 0
  payer.payments.applied(payment)
  await payer.ledger.flush()
  assert.deepEqual(lines, [['debug', 'payment applied', { ...one, feeMsat: 7n }]])
})

test('a failed payment is a warning, and its next hash is shown with the number of its issue', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  const lines = linesOf(t, payer)
  payer.wallet.next = 'fail'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_FAILED' })
  assert.deepEqual(
    lines.map(([level, message]) => [level, message]),
    [
      ['info', 'payment sent'],
      ['warn', 'payment failed']
    ]
  )
  lines.length = 0
  const failed = await payer.payments.voidable(AGREEMENT, 0)
  const answer = await payee.payments.reissue(
    { agreement: AGREEMENT, installment: 0, hash: failed!.hash },
    60
  )
  assert.ok('listed' in answer)
  await payer.payments.rebind(answer.listed, answer.invoice, payee.wallet.nodeId, AGREEMENT)
  const again = lines.find(([, message]) => message === 'payment bound')!
  assert.deepEqual([again[2]['installment'], again[2]['issue']], [0, 1])
})

test('a direct payment is shown by its hash, without an agreement or an installment', async t => {
  const { payer, payee } = await ends(t)
  const { invoice, hash } = await payee.payments.issue(1_234n, 'a coffee', 60)
  const lines = linesOf(t, payer)
  await payer.payments.payInvoice(invoice)
  const [level, message, fields] = lines.at(-1)!
  assert.deepEqual([level, message], ['info', 'payment paid'])
  assert.deepEqual(
    { agreement: fields['agreement'], kind: fields['kind'], installment: fields['installment'] },
    { agreement: null, kind: 'direct', installment: null }
  )
  assert.deepEqual([fields['hash'], fields['msat'], fields['feeMsat']], [hash.toString('hex'), 1_234n, 7n])
})

test('payments of different steps or agreements have lines of their own, until the log is stopped', async t => {
  const { payer, payee } = await ends(t)
  const lines: string[] = []
  const stop = logPayments(
    payee.ledger,
    loggerTo(({ message, fields }) => lines.push(`${message} ${String(fields['installment'])}`))
  )
  const list = payee.payments.list(AGREEMENT, INSTALLMENTS.slice(0, 2), 0)
  await payee.payments.strip(list, 60, BUYER)
  const [one, other] = payee.ledger.payments(AGREEMENT)
  await payee.ledger.record({ ...one!, step: STEP.refused }, { ...other!, step: STEP.received })
  assert.deepEqual(lines, ['payment listed 0-1', 'payment refused 0', 'payment received 1'])
  stop()
  await payee.payments.issue(1_000n, 'a coffee', 60)
  assert.equal(lines.length, 3)
  assert.equal(payer.ledger.payments(AGREEMENT).length, 0)
})
