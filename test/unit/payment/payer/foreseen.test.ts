import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ends } from '../../../parts/payment/ends.js'

test('where the wallet tells no fee, a payment is foreseen by the balance alone, and opens no channel', async t => {
  const { payer, payee } = await ends(t)
  const { invoice } = await payee.payments.issue(9_000n, 'a coffee', 60)
  const reach = t.mock.method(payer.wallet, 'reach')
  const balance = await payer.wallet.balance()
  let spendableMsat = 9_000n
  t.mock.method(payer.wallet, 'balance', () => Promise.resolve({ ...balance, spendableMsat }))
  const { msat, feeMsat, description } = await payer.payments.foreseeInvoice(invoice)
  assert.deepEqual([msat, feeMsat, description], [9_000n, 0n, 'a coffee'])
  spendableMsat = 8_999n
  await assert.rejects(payer.payments.foreseeInvoice(invoice), {
    code: 'NO_BALANCE',
    message: /9 sat are needed, and 8\.999 sat are all there is/,
    hint: 'nothing was paid; see: bushel wallet'
  })
  assert.equal(reach.mock.callCount(), 0)
  assert.deepEqual(payer.wallet.sent, [])
})

test('where the wallet tells the fee, it counts against what the user allows, and is asked for within the limit', async t => {
  const { payer, payee } = await ends(t)
  const { invoice } = await payee.payments.issue(9_000n, 'a coffee', 60)
  const asked: unknown[] = []
  Object.assign(payer.wallet, {
    foresee: (to: Buffer, msat: bigint, _timeoutMs: number, how: Foreseen) => {
      asked.push([to.equals(payee.wallet.nodeId), msat, how.invoice, how.maxFeeMsat(msat) > 0n])
      return Promise.resolve(20n)
    }
  })
  assert.equal((await payer.payments.foreseeInvoice(invoice)).feeMsat, 20n)
  assert.equal((await payer.payments.foreseeInvoice(invoice, { maxMsat: 9_020n })).feeMsat, 20n)
  assert.deepEqual(asked, Array(2).fill([true, 9_000n, invoice, true]))
  const over = {
    code: 'OVER_LIMIT',
    message: /asks for 9 sat, which costs a fee of about 0\.02 sat: together more than 9\.019 sat/,
    hint: 'allow more, or ask for a smaller invoice'
  }
  await assert.rejects(payer.payments.foreseeInvoice(invoice, { maxMsat: 9_019n }), over)
  await assert.rejects(payer.payments.payInvoice(invoice, { maxMsat: 9_019n }), over)
  assert.deepEqual(payer.wallet.sent, [])
  await payer.payments.payInvoice(invoice, { maxMsat: 9_020n })
  assert.equal(payer.wallet.sent.length, 1)
})

interface Foreseen {
  invoice: string
  maxFeeMsat: (msat: bigint) => bigint
}
