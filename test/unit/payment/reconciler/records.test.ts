import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { shortKey } from '../../../../contracts/keys/key.js'
import type { WalletRecord } from '../../../../src/lightning/payment-records.js'
import type { Payment } from '../../../../src/payment/ledger.js'
import { STEP } from '../../../../src/payment/payment-state.js'
import { AGREEMENT, bound, draft, ends, hashOf } from '../../../parts/payment/ends.js'
import type { End } from '../../../parts/payment/ends.js'

const SHORT = shortKey(AGREEMENT)

function record(paymentHash: Buffer, more: Partial<WalletRecord> = {}): WalletRecord {
  return {
    direction: 'sent',
    paymentHash,
    msat: 5_000n,
    feeMsat: 0n,
    preimage: null,
    status: 'succeeded',
    at: 0,
    description: '',
    ...more
  }
}

/** Lets the wallet of an end have these records. */
function has({ wallet }: End, ...records: WalletRecord[]): void {
  wallet.history = () => Promise.resolve(records)
}

test('the first run reads all records, and each later one those since an hour before the last', async t => {
  const { payer } = await ends(t)
  let now = 1_700_000_000_000
  payer.now = () => now
  const history = t.mock.method(payer.wallet, 'history')
  await payer.restart()
  const began = now
  now += 60_000
  await payer.payments.reconcile()
  assert.deepEqual(
    history.mock.calls.map(call => call.arguments),
    [[{}], [{ since: began - 3_600_000 }]]
  )
})

test('records of the wallet that are of no open payment here change nothing', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  const foreign = Buffer.alloc(32, 9)
  const told: unknown[] = []
  for (const end of [payer, payee]) {
    const { direction, other } =
      end === payer
        ? ({ direction: 'sent', other: 'received' } as const)
        : ({ direction: 'received', other: 'sent' } as const)
    for (const event of ['mended', 'faults']) end.payments.reconciler.on(event, lines => told.push(lines))
    has(
      end,
      record(foreign),
      record(foreign, { direction: 'received' }),
      record(hashOf(payer, 0), { direction: other }),
      record(hashOf(payer, 1), { direction, status: 'failed' })
    )
    const [{ entries }, { questions }] = [end.ledger.stats, end.wallet]
    assert.deepEqual(await end.payments.reconcile(), [])
    assert.deepEqual([end.ledger.stats.entries, end.wallet.questions], [entries, questions])
  }
  // What has not come in yet is not received.
  has(payee, record(hashOf(payer, 0), { direction: 'received', status: 'pending' }))
  await payee.payments.reconcile()
  assert.equal(payee.step(0), 'listed')
  assert.deepEqual(told, [])
})

test('a payment in flight is asked for once in each run, and nothing is told of it', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  payer.wallet.next = 'pend'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  payer.wallet.questions = 0
  assert.deepEqual(await payer.payments.reconcile(), [])
  assert.equal(payer.wallet.questions, 1)
  payer.wallet.finish(hashOf(payer, 0), 'fail')
  assert.deepEqual(await payer.payments.reconcile(), [
    `installment 0 of agreement ${SHORT}: the payment had failed; recorded`
  ])
})

test('a received payment is told as such, although its lease or job knows it already', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  payee.wallet.removeAllListeners('settled')
  for (const installment of [0, 1]) await payer.payments.pay(AGREEMENT, installment)
  payee.payments.on('received', (payment: Payment) => payee.payments.applied(payment))
  const lines = await payee.payments.reconcile()
  assert.deepEqual(
    lines.sort(),
    [0, 1].map(i => `installment ${i} of agreement ${SHORT}: the wallet had received it; recorded`)
  )
  await payee.ledger.flush()
  assert.deepEqual([payee.step(0), payee.step(1)], ['applied', 'applied'])
})

test('one record with too little is logged, and the others are taken', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  has(
    payee,
    record(hashOf(payer, 0), { direction: 'received', msat: 4_999n }),
    record(hashOf(payer, 1), { direction: 'received', msat: 5_001n })
  )
  const lines = await payee.payments.reconcile()
  assert.equal(lines.length, 1)
  assert.deepEqual([payee.step(0), payee.step(1)], ['listed', 'received'])
  assert.match(String(payee.faults), /took 4999 msat/)
})

test('of many payments that the wallet has made, at most 500 are recorded at once', async t => {
  const { payer } = await ends(t)
  const made = Array.from({ length: 501 }, (_, installment) => {
    const preimage = createHash('sha256').update(`payment ${installment}`).digest()
    const hash = createHash('sha256').update(preimage).digest()
    return { preimage, bound: draft(installment, { hash }) }
  })
  await payer.ledger.record(...made.map(({ bound }) => bound))
  has(payer, ...made.map(({ preimage, bound }) => record(bound.hash, { preimage })))
  const batches: number[] = []
  payer.ledger.on('written', (payments: Payment[]) => batches.push(payments.length))
  assert.equal((await payer.payments.reconcile()).length, 501)
  assert.deepEqual(batches, [500, 1])
  assert.equal(payer.ledger.contiguous(AGREEMENT), 501)
})

test('a payment that is settled while others are asked for is not recorded a second time', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  const [first, second] = payer.ledger.payments(AGREEMENT)
  payer.wallet.next = 'pend'
  for (const { text } of [first!, second!]) await payer.wallet.pay(text, { maxFeeMsat: 0n })
  payer.wallet.finish(first!.hash, 'settle')
  const { preimage } = payee.wallet.invoices.get(first!.hash.toString('hex'))!
  const payment = payer.wallet.payment.bind(payer.wallet)
  payer.wallet.payment = async hash => {
    if (hash.equals(second!.hash))
      await payer.ledger.record({ ...first!, step: STEP.paid, preimage, feeMsat: 7n })
    return payment(hash)
  }
  const { entries } = payer.ledger.stats
  await payer.payments.reconcile()
  assert.deepEqual([payer.step(0), payer.step(1)], ['paid', 'sent'])
  assert.equal(payer.ledger.stats.entries, entries + 2)
})
