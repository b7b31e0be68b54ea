import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BushelError } from '../../../contracts/errors/error.js'
import type { DealChannel } from '../../../src/deal/channel.js'
import { InstallmentPayment } from '../../../src/storage/buyer/installment-payment.js'
import type { PayingContext } from '../../../src/storage/buyer/installment-payment.js'
import { TIMEOUTS } from '../../../src/storage/lease/timeouts.js'
import { AGREEMENT, bound, ends } from '../../parts/payment/ends.js'

test('a provider that shows a wrong preimage is blamed, and other providers are tried', async t => {
  const { payer, payee } = await ends(t)
  await bound(payer, payee)
  payer.wallet.next = 'pend'
  const resolved: unknown[] = []
  const provider = {
    lightning: payee.wallet.nodeId,
    identity: Buffer.alloc(32, 1),
    device: Buffer.alloc(32, 2)
  }
  const context = {
    payments: payer.payments,
    leases: { get: () => ({ state: 'BOUND', terms: { provider } }) },
    debts: { asked: () => null, open: () => [] },
    orphans: {
      isOrphan: () => Promise.resolve(true),
      // As the wallet does: its caller is ours.
      resolve: (_hash: Buffer, preimage: Buffer | null) => {
        resolved.push(preimage)
        return Promise.reject(new BushelError('BAD_INPUT', 'this preimage does not match the payment hash'))
      }
    }
  } as unknown as PayingContext
  const lie = (why: string): BushelError => new BushelError('BAD_PEER', why)
  const installments = new InstallmentPayment(context, AGREEMENT, TIMEOUTS, lie)
  const channel = {
    request: () => Promise.resolve({ preimage: Buffer.alloc(32, 5) })
  } as unknown as DealChannel
  await assert.rejects(
    installments.pay(0, () => Promise.resolve(channel)),
    { code: 'BAD_PEER', kind: 'peer', message: /preimage of another payment/ }
  )
  assert.deepEqual(resolved, [])
  assert.equal(payer.step(0), 'sent')
})
