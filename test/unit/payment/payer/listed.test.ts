import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InstallmentList } from '#spec'
import { AGREEMENT, OTHER, PROVIDER, bound, ends, hashOf } from '../../../parts/payment/ends.js'
import type { End } from '../../../parts/payment/ends.js'

const REFUSED = { code: 'INVOICE_REFUSED' }

/** Two installments of the same amount. */
function equalOnes(payee: End): InstallmentList {
  const one = (number: number): { number: number; start: number; end: number; msat: bigint } => ({
    number,
    start: number,
    end: number + 1,
    msat: 5_000n
  })
  return payee.payments.list(OTHER, [one(0), one(1)], 0)
}

test('the peer of a payment is the one that was given with its list or with its invoices', async t => {
  const { payer, payee } = await ends(t)
  const list = equalOnes(payee)
  const strip = await payee.payments.strip(list, 3600)
  await payer.payments.bind(list, strip, payee.wallet.nodeId, PROVIDER)
  assert.deepEqual(payer.ledger.payment(OTHER, 0)!.peer, PROVIDER)
  const intended = await bound(payer, payee, 1)
  await payer.payments.bind(
    intended,
    await payee.payments.strip(intended, 3600),
    payee.wallet.nodeId,
    Buffer.alloc(32, 9)
  )
  assert.deepEqual(payer.ledger.payment(AGREEMENT, 0)!.peer, PROVIDER)
})

test('a list with the hash of another installment, or with one that this node is paid on, is refused', async t => {
  const { payer, payee } = await ends(t)
  const list = equalOnes(payee)
  await payer.payments.intend(list)
  const [first, second] = list.installments
  const swapped = [
    { ...first!, hash: second!.hash },
    { ...second!, hash: first!.hash }
  ]
  await assert.rejects(payer.payments.intend({ agreement: OTHER, installments: swapped }), REFUSED)
  await payee.payments.strip(list, 60)
  await assert.rejects(payee.payments.intend(list), REFUSED)
})

test('no hash is voided that is paid, being paid or not ours to pay', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 3)
  const voidable = (installment: number, end = payer): Promise<unknown> =>
    end.payments.voidable(AGREEMENT, installment)
  assert.equal(await voidable(99), null, 'never listed')
  assert.equal(await voidable(0, payee), null, 'we are the payee')
  let during: unknown
  payer.wallet.onpay = async () => void (during = await voidable(0))
  await payer.payments.pay(AGREEMENT, 0)
  assert.equal(during, null, 'the wallet is being told to pay it')
  const { questions } = payer.wallet
  assert.equal(await voidable(0), null, 'it is paid')
  assert.equal(payer.wallet.questions, questions)
  // The wallet has paid it, and the ledger does not know yet.
  payer.wallet.onpay = () => Promise.resolve()
  payer.wallet.next = 'pend'
  await assert.rejects(payer.payments.pay(AGREEMENT, 1), { code: 'PAYMENT_PENDING' })
  payer.wallet.finish(hashOf(payer, 1), 'settle')
  assert.equal(await voidable(1), null)
  assert.equal(payer.step(1), 'paid')
  assert.deepEqual(await voidable(2), { hash: hashOf(payer, 2), issue: 0 })
})

test('a replaced hash is not replaced by a changed repetition or by the hash of another payment', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  const other = hashOf(payer, 1)
  const answer = await payee.payments.reissue(
    { agreement: AGREEMENT, installment: 0, hash: hashOf(payer, 0) },
    60
  )
  assert.ok('listed' in answer)
  const { listed, invoice } = answer
  const rebind = (change: Partial<typeof listed>, text = invoice): Promise<unknown> =>
    payer.payments.rebind({ ...listed, ...change }, text, payee.wallet.nodeId, AGREEMENT)
  await assert.rejects(
    rebind({ hash: other }, invoice.replace(listed.hash.toString('hex'), other.toString('hex'))),
    REFUSED
  )
  await rebind({})
  for (const change of [{ msat: 5_001n }, { issue: 2 }]) await assert.rejects(rebind(change), REFUSED)
  assert.deepEqual(payer.ledger.payment(AGREEMENT, 0)!.hash, listed.hash)
})

test('a preimage shown by the payee teaches nothing about what the wallet itself has paid', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 1)
  payer.wallet.next = 'pend'
  await assert.rejects(payer.payments.pay(AGREEMENT, 0), { code: 'PAYMENT_PENDING' })
  const { text, hash } = payer.ledger.payment(AGREEMENT, 0)!
  payer.wallet.finish(hash, 'settle')
  const { preimage } = payee.wallet.invoices.get(hash.toString('hex'))!
  const learned = await payer.payments.learned(AGREEMENT, 0, preimage)
  assert.deepEqual([learned.step, learned.text, learned.feeMsat], ['paid', text, 7n])
  const [{ questions }, { entries }] = [payer.wallet, payer.ledger.stats]
  await payer.payments.learned(AGREEMENT, 0, preimage)
  assert.deepEqual([payer.wallet.questions, payer.ledger.stats.entries], [questions, entries])
})

test('steps of a payment that its agreement and the other side know are noted only where they follow', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee, 2)
  const { payments, ledger } = payer
  const steps = async (): Promise<unknown> => {
    await ledger.flush()
    return [payer.step(0), payer.step(1)]
  }
  const unpaid = ledger.payment(AGREEMENT, 1)!
  const paid = await payments.pay(AGREEMENT, 0)
  payments.applied(unpaid)
  payments.applied({ ...unpaid, hash: Buffer.alloc(32, 9) })
  for (const installment of [1, 99]) payments.acknowledged(AGREEMENT, installment)
  assert.deepEqual(await steps(), ['paid', 'bound'])
  payments.applied(paid)
  assert.deepEqual(await steps(), ['applied', 'bound'])
  payments.acknowledged(AGREEMENT, 0)
  assert.deepEqual(await steps(), ['receipt', 'bound'])
  const { entries } = ledger.stats
  payments.applied(paid)
  payments.acknowledged(AGREEMENT, 0)
  assert.deepEqual(await steps(), ['receipt', 'bound'])
  assert.equal(ledger.stats.entries, entries)
  assert.deepEqual(payer.faults, [])
})

test('what is in no signed list is not credited', async t => {
  const { payer } = await ends(t)
  await assert.rejects(payer.payments.credited(AGREEMENT, 0, OTHER), REFUSED)
})
