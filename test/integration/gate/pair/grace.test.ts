import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY } from '../../../../contracts/money/quantity.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { openPair } from './open-pair.js'

test('a lease in its grace is paid after an audit, and is served again', async t => {
  const { pair, close } = await openPair()
  t.after(close)
  const id = await pair.deal({ installments: 1 })
  const [{ state }, copy] = [pair.provider.leases.get('provider', id)!, pair.buyerLease(id)]
  assert.deepEqual([state, copy.paidInstallments, copy.installments], [LEASE.STORED, 1, 2])
  pair.ahead = 16 * DAY
  await pair.leaseManager.look()
  assert.equal(pair.provider.leases.get('provider', id)!.state, LEASE.GRACE)

  const maintenance = pair.maintenance({ now: () => Date.now() + pair.ahead })
  await maintenance.look()
  await maintenance.audited()
  await maintenance.look()
  assert.equal(pair.buyerLease(id).paidInstallments, 2)
  assert.equal(pair.buyer.leases.get('buyer', id)!.state, LEASE.STORED)
  assert.equal(pair.provider.leases.get('provider', id)!.state, LEASE.STORED)
  assert.deepEqual(pair.buyer.faults, [])
})

test('a lease is paid on when less than half of what is to be paid ahead is left', async t => {
  const { pair, close } = await openPair()
  t.after(close)
  const id = await pair.deal({ installments: 1 })
  let days = 0
  const maintenance = pair.maintenance({ now: () => Date.now() + days * DAY, ahead: () => 20 * DAY })
  const paid = async (): Promise<number> => {
    await maintenance.look()
    await maintenance.audited()
    await maintenance.look()
    return pair.buyerLease(id).paidInstallments
  }
  assert.equal(await paid(), 1, '15 days are paid')
  days = 4.9
  assert.equal(await paid(), 1)
  days = 5.1
  pair.ahead = days * DAY
  assert.equal(await paid(), 2)
  assert.deepEqual(pair.buyer.faults, [])
})
