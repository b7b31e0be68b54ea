import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DealChannel } from '../../../../src/deal/channel.js'
import { STEP } from '../../../../src/payment/payment-state.js'
import { takenPayments } from '../../../parts/storage/taken-payments.js'

test('a hash that the first device got after the export is not paid by both', async t => {
  const { desktop, laptop, payee, id, list, installments, channel, replaced } = await takenPayments(t)
  await desktop.payments.intend(list)
  const second = await replaced(0)
  laptop.wallet.next = 'pend'
  await assert.rejects(laptop.payments.pay(id, 0), { code: 'PAYMENT_PENDING' })
  await installments().renewKnown(channel, 0)
  await desktop.payments.pay(id, 0)
  assert.equal(desktop.ledger.payment(id, 0)!.issue, 2)
  laptop.wallet.finish(second, 'settle')
  assert.equal((await laptop.wallet.payment(second)).status, 'failed', 'it was refused')
  assert.ok(await payee.payments.wasReceived(id, 0, 60_000))
  assert.equal(payee.ledger.totals(id).receivedMsat, list.installments[0]!.msat)
  // What is the device's own is not voided again.
  await installments().renewKnown(channel, 0)
  assert.equal(desktop.ledger.payment(id, 0)!.issue, 2)
})

test('an installment that the first device has paid on a hash of after the export is not paid again', async t => {
  const { desktop, laptop, payee, id, list, installments, channel, replaced } = await takenPayments(t)
  await desktop.payments.intend(list)
  await replaced(0)
  await laptop.payments.pay(id, 0)
  await installments().renewKnown(channel, 0)
  assert.equal(desktop.ledger.contiguous(id), 1)
  await installments().pay(0, () => Promise.resolve(channel))
  assert.deepEqual(desktop.wallet.sent, [])
  assert.ok(await payee.payments.wasReceived(id, 0, 60_000))
  assert.equal(payee.ledger.totals(id).receivedMsat, list.installments[0]!.msat)
})

test('hashes that are not to be paid are voided also where their invoices have expired, and after a kill between', async t => {
  const { desktop, payee, id, list, installments, channel, asked, replaced } = await takenPayments(t)
  let now = Date.now()
  desktop.now = payee.wallet.now = () => now
  await desktop.payments.intend(list)
  await replaced(0)
  now += 2 * 3_600_000
  const once = {
    request: (...args: Parameters<DealChannel['request']>) =>
      asked.length > 0 ? Promise.reject(new Error('killed')) : channel.request(...args)
  } as unknown as DealChannel
  await assert.rejects(installments().renewKnown(once, 0), /killed/)
  await assert.rejects(desktop.payments.pay(id, 0), { code: 'INVOICE_REFUSED' })
  await desktop.restart()
  await installments().renewKnown(channel, 0)
  assert.deepEqual(asked, ['void', 'void'])
  assert.equal((await desktop.payments.pay(id, 0)).issue, 2)
})

test('a strip with hashes that the first device had replaced is bound again, and all of it is paid', async t => {
  const { desktop, payee, id, list, installments, channel, replaced } = await takenPayments(t)
  await replaced(1)
  for (const installment of [0, 1, 2]) {
    await installments().list(channel, installment, { mayLack: true })
    await installments().renewKnown(channel, installment)
    await desktop.payments.pay(id, installment)
  }
  assert.equal(desktop.ledger.contiguous(id), 3)
  assert.ok(await payee.payments.wasReceived(id, 2, 60_000))
  const all = list.installments.reduce((sum, { msat }) => sum + msat, 0n)
  assert.equal(payee.ledger.totals(id).receivedMsat, all)
})

test('a strip is bound again where only the later hash of an installment came with the export', async t => {
  const { desktop, laptop, payee, id, list, installments, channel, replaced } = await takenPayments(t)
  await replaced(1)
  const { entry: _, at: _at, ...later } = laptop.ledger.payment(id, 1)!
  await desktop.ledger.record({ ...later, step: STEP.bound })
  await desktop.payments.intend({ ...list, installments: [list.installments[2]!] })
  for (const installment of [0, 1, 2]) {
    await installments().list(channel, installment, { mayLack: true })
    await installments().renewKnown(channel, installment)
    await desktop.payments.pay(id, installment)
  }
  assert.equal(payee.ledger.payment(id, 1)!.issue, 3)
})

test('a provider that gives no invoice for a hash is not put up with by the device that made the lease', async t => {
  const { desktop, id, installments, channel, replaced } = await takenPayments(t)
  await replaced(1)
  await assert.rejects(installments().list(channel, 0), { code: 'INVOICE_REFUSED' })
  assert.equal(desktop.ledger.payment(id, 0)!.step, 'intent')
})
