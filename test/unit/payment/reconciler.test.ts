import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { PaymentDraft, PaymentStep } from '../../../src/payment/ledger.js'
import { checkBalance } from '../../../src/payment/balance.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { AGREEMENT, bound, ends, hashOf } from '../../parts/payment/ends.js'
import type { End } from '../../parts/payment/ends.js'
import { STEP, isSettled } from '../../../src/payment/payment-state.js'
import { LmdbBackend } from '../../../src/store/backend/lmdb-backend.js'
import { CountingBackend } from '../../doubles/counting-backend.js'

const SHORT = shortKey(AGREEMENT)

/** Makes the ledger differ from the wallet, as a lost write or an old copy does. */
async function forced(end: End, installment: number, step: PaymentStep): Promise<void> {
  const payment = end.ledger.payment(AGREEMENT, installment)!
  await end.ledger.record({ ...payment, step })
}

test('a payment that the wallet has made is paid, whatever the ledger had', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 4)
  const invoices = payer.ledger.payments(AGREEMENT).map(({ text }) => text)
  await forced(payer, 1, STEP.sent)
  await forced(payer, 2, STEP.sent)
  await forced(payer, 2, STEP.failed)
  await forced(payer, 3, STEP.void)
  for (const invoice of invoices) await payer.wallet.pay(invoice, { maxFeeMsat: 0n })
  const lines = await payer.payments.reconcile()
  const name = (installment: number): string =>
    `installment ${installment} of agreement ${SHORT}: the wallet had paid it; recorded`
  assert.deepEqual(lines.sort(), [0, 1, 2, 3].map(name))
  assert.deepEqual(payer.mended.sort(), lines)
  assert.deepEqual(
    payer.ledger.payments(AGREEMENT).map(({ step, feeMsat }) => [step, feeMsat]),
    [0, 1, 2, 3].map(() => ['paid', 7n])
  )
  assert.deepEqual(await payer.payments.reconcile(), [])
  assert.ok(checkBalance(payer.ledger, await payer.wallet.history()).ok)
})

test('a payment that the wallet has received is received, even on a refused hash', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  await forced(payee, 1, STEP.refused)
  payee.wallet.removeAllListeners('settled')
  for (const installment of [0, 1]) await payer.payments.pay(AGREEMENT, installment)
  assert.deepEqual([payee.step(0), payee.step(1)], ['listed', 'refused'])
  const lines = await payee.payments.reconcile()
  assert.equal(lines.length, 2)
  assert.equal(lines[0], `installment 0 of agreement ${SHORT}: the wallet had received it; recorded`)
  assert.deepEqual([payee.step(0), payee.step(1)], ['received', 'received'])
  assert.ok(checkBalance(payee.ledger, await payee.wallet.history()).ok)
})

test('a payment pending in the wallet is in flight, and one that the wallet never saw is not', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  payer.wallet.next = 'pend'
  await payer.wallet.pay(payer.ledger.payment(AGREEMENT, 0)!.text, { maxFeeMsat: 0n })
  await forced(payer, 1, STEP.sent)
  const lines = await payer.payments.reconcile()
  assert.deepEqual([payer.step(0), payer.step(1)], ['sent', 'bound'])
  assert.equal(lines.length, 2)
  assert.ok(lines.some(line => line.includes('installment 0') && line.includes('still paying it')))
  assert.ok(lines.some(line => line.includes('installment 1') && line.includes('never asked to pay')))
})

test('a payment settled in the ledger but not in the wallet is reported and left as it is', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 3)
  for (const installment of [0, 1, 2]) await payer.payments.pay(AGREEMENT, installment)
  await payee.payments.wasReceived(AGREEMENT, 2, 1000)
  payer.wallet.payments.delete(hashOf(payer, 0).toString('hex'))
  payer.wallet.payments.get(hashOf(payer, 1).toString('hex'))!.state = {
    status: 'failed',
    reason: 'no route'
  }
  payee.wallet.invoices.delete(hashOf(payer, 2).toString('hex'))
  await payer.restart()
  await payee.restart()
  assert.deepEqual(payer.payments.reconciler.faults, [
    `installment 0 of agreement ${SHORT}, 5 sat: the ledger has it as paid, the wallet has no record of it`,
    `installment 1 of agreement ${SHORT}, 5.001 sat: the ledger has it as paid, the wallet has it as failed`
  ])
  assert.deepEqual(payer.unmended, payer.payments.reconciler.faults)
  assert.equal(payee.unmended.length, 1)
  assert.match(payee.unmended[0]!, /received, the wallet has no record/)
  assert.equal(payer.ledger.contiguous(AGREEMENT), 3)
  assert.equal((await payer.payments.pay(AGREEMENT, 0)).step, 'paid', 'nothing is paid again on a guess')
  assert.equal(payer.wallet.sent.length, 3)
})

test('an unresponsive wallet is asked again, and the node starts all the same', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const history = payer.wallet.history.bind(payer.wallet)
  payer.wallet.history = () => Promise.reject(new Error('the wallet is away'))
  await payer.restart()
  assert.match(String(payer.faults[0]), /away/)
  await assert.rejects(payer.payments.reconcile(), /away/)
  payer.wallet.history = history
  assert.deepEqual(await payer.payments.reconcile(), [])
})

test('a start looks each record of the wallet up once, and reads nothing else of what is settled', async t => {
  const { payer } = await ends(t)
  const PAYMENTS = 1000
  const { lost, drafts } = await filled(payer, PAYMENTS)
  let backend: CountingBackend
  payer.backend = at => (backend = new CountingBackend(new LmdbBackend(at)))
  await payer.payments.close()
  await payer.start()
  assert.equal(payer.mended.length, lost)
  assert.deepEqual(payer.unmended, [])
  await payer.restart()
  // The check of the store before it was closed was of the store before.
  assert.ok(backend!.reads <= PAYMENTS + FEW, `${backend!.reads} reads to start`)
  assert.deepEqual([payer.mended, payer.unmended], [[], []])
  backend!.reads = 0
  await payer.payments.reconcile()
  assert.ok(backend!.reads <= FEW, `${backend!.reads} reads to reconcile again`)
  const records = await payer.wallet.history()
  backend!.reads = 0
  assert.deepEqual(checkBalance(payer.ledger, records).faults, [])
  assert.ok(backend!.reads <= PAYMENTS + FEW, `${backend!.reads} reads to check the balance`)
  assert.equal(payer.wallet.questions, lost / 2, 'only about those that were in flight')

  // A record that is there twice does not hide one that is missing.
  const { hash } = drafts.at(-1)!
  const spoiled = records.map(record => (record.paymentHash.equals(hash) ? records[0]! : record))
  assert.match(checkBalance(payer.ledger, spoiled).faults.join(), /settled one hash twice.*not settled by/)
  payer.wallet.payments.delete(hash.toString('hex'))
  await payer.restart()
  assert.equal(payer.unmended.length, 1)
})

/** More reads than are needed whatever the ledger holds. */
const FEW = 40

/**
 * Payments of which one in fifty lost its outcome, half of these at an earlier step, in the ledger and in the wallet,
 * where all are made.
 */
async function filled(payer: End, payments: number): Promise<{ lost: number; drafts: PaymentDraft[] }> {
  const sha256 = (of: string | Buffer): Buffer => createHash('sha256').update(of).digest()
  const drafts = Array.from({ length: payments }, (_, i): PaymentDraft => {
    const preimage = sha256(`payment ${i}`)
    return {
      agreement: sha256(`agreement ${i >> 9}`),
      role: 'payer',
      kind: 'installment',
      installment: i & 511,
      issue: 0,
      peer: null,
      hash: sha256(preimage),
      msat: 5_000n,
      step: STEP.bound,
      feeMsat: 0n,
      preimage,
      text: `invoice ${i} `.padEnd(300, 'x')
    }
  })
  const at = (step: PaymentStep, of = drafts): Promise<void> =>
    payer.ledger.record(
      ...of.map(draft => ({ ...draft, step, preimage: isSettled(step) ? draft.preimage : null }))
    )
  await at(STEP.bound)
  await at(STEP.sent)
  const lost = drafts.filter((_, i) => i % 50 === 0)
  const known = drafts.filter((_, i) => i % 50 !== 0)
  await at(STEP.paid, known)
  await at(STEP.receipt, known)
  await at(
    STEP.bound,
    lost.filter((_, i) => i % 2 === 0)
  )
  for (const { hash, msat, preimage } of drafts)
    payer.wallet.payments.set(hash.toString('hex'), {
      state: { status: 'succeeded', preimage: preimage!, feeMsat: 0n },
      msat,
      at: 0
    })
  return { lost: lost.length, drafts }
}

test('an old answer of the wallet changes nothing for a payment that was sent again since', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  const { wallet, payments, ledger } = payer
  wallet.next = 'pend'
  await assert.rejects(payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  const { hash } = ledger.payment(AGREEMENT, 0)!
  wallet.finish(hash, 'fail')
  const answer = wallet.payment.bind(wallet)
  let give = (): void => undefined
  wallet.payment = async of => {
    wallet.payment = answer
    const state = await answer(of)
    await new Promise<void>(resolve => (give = resolve))
    return state
  }
  const reconciling = payments.reconcile()
  const steps: PaymentStep[] = []
  ledger.on('written', ([payment]: { step: PaymentStep }[]) => steps.push(payment!.step))
  await assert.rejects(payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  give()
  await reconciling
  assert.deepEqual(steps, ['failed', 'sent'], 'what is in flight is never for a moment open again')
})
