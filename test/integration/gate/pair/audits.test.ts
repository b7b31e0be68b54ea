import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { BushelError } from '../../../../contracts/errors/error.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { change } from '../../../../src/store/change.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { leaseDueTable } from '../../../../src/storage/tables.js'
import { openPair } from './open-pair.js'
import type { DealPair } from './deal-pair.js'

let pair: DealPair
let close: () => Promise<void>
const never = new AbortController().signal

beforeEach(async () => {
  ;({ pair, close } = await openPair())
})

afterEach(() => close())

/** How often blocks were asked for, and what is to be done with each question. */
function questions(fault: () => 'lost' | null = () => null): { count: number } {
  const asked = { count: 0 }
  pair.wire.chooseFault = ({ method, way }) => {
    if (method !== 'audit' || way !== 'request') return null
    asked.count++
    return fault()
  }
  return asked
}

test('a stored copy is audited once a day, beside the payments', async () => {
  const id = await pair.deal({ installments: 3 })
  const asked = questions()
  let days = 0
  const maintenance = pair.maintenance({ now: () => Date.now() + days * DAY })
  const look = async (): Promise<number> => {
    await maintenance.look()
    await maintenance.audited()
    return asked.count
  }
  assert.equal(await look(), 0)
  days = 1.1
  assert.deepEqual([await look(), await look()], [1, 1])
  days = 2.2
  assert.equal(await look(), 2)
  assert.equal(pair.buyer.leases.auditOf(id).challenge, null)
  assert.ok(pair.buyer.leases.get('buyer', id)!.audited! > Date.now() + 2 * DAY)
})

test('a copy that was stored before there were audits is audited too', async () => {
  const id = await pair.deal({ installments: 3 })
  const asked = questions()
  // As an earlier version has left it: nothing is due before the end of what is paid.
  await pair.buyer.store.set(change(leaseDueTable, ['buyer', id], Date.now() + 20 * DAY))
  const maintenance = pair.maintenance({ now: () => Date.now() + 1.1 * DAY })
  await maintenance.ready()
  await maintenance.look()
  await maintenance.audited()
  assert.equal(asked.count, 1)
  await maintenance.close()
})

test('what a provider cannot prove is remembered at once, also when nobody else looks', async () => {
  const id = await pair.deal({ installments: 3 })
  const proofs = pair.shelf.proofs.bind(pair.shelf)
  pair.shelf.proofs = async (lease, blocks) =>
    (await proofs(lease, blocks)).map(proof => ({ ...proof, value: Buffer.alloc(proof.value!.length) }))
  await assert.rejects(pair.buyerLease(id).check(never), { code: 'BAD_PEER' })
  const { failing, challenge } = pair.buyer.leases.auditOf(id)
  assert.match(failing!, /it failed an audit/)
  assert.equal(pair.buyer.leases.get('buyer', id)!.state, LEASE.LAPSING, 'a kill changes nothing')
  assert.notEqual(challenge, null)
})

test('a provider that takes a connection and does not greet is away, and its challenge stays the same', async () => {
  const id = await pair.deal({ installments: 3 })
  pair.disconnect()
  pair.wire.chooseFault = ({ method, way }) => (method === 'hello' && way === 'request' ? 'lost' : null)
  await assert.rejects(pair.buyerLease(id).check(never))
  const away = pair.buyer.leases.auditOf(id)
  assert.ok(away.unreachable > 0 && away.tries === 1)
  pair.disconnect()
  await assert.rejects(pair.buyerLease(id).check(never))
  assert.deepEqual(pair.buyer.leases.auditOf(id).challenge, away.challenge)
  pair.wire.chooseFault = () => null
  pair.disconnect()
  assert.equal(await pair.buyerLease(id).check(never), 3)
  assert.deepEqual(
    [pair.buyer.leases.auditOf(id).unreachable, pair.buyer.leases.auditOf(id).challenge],
    [0, null]
  )
})

test('a provider that has lost a block says so, and its lease is given up', async () => {
  const id = await pair.deal({ installments: 3 })
  pair.shelf.proofs = () => Promise.reject(new BushelError('BLOCK_MISSING', 'block 1 is not in the store'))
  const maintenance = pair.maintenance({ now: () => Date.now() + 1.1 * DAY })
  await maintenance.look()
  await maintenance.audited()
  const { state, reason } = pair.buyer.leases.get('buyer', id)!
  assert.equal(state, LEASE.ENDED)
  assert.match(reason!, /it says that it does not have the copy/)
  assert.ok(pair.buyer.debts.get('creditor', id)!.leftMsat > 0n, 'what is paid ahead is owed back')
})

test('a provider that hangs up when it is audited is silent, and not away', async () => {
  const id = await pair.deal({ installments: 3 })
  pair.wire.chooseFault = ({ method, way }) => (method === 'audit' && way === 'request' ? 'cut' : null)
  await assert.rejects(pair.buyerLease(id).check(never))
  const { unanswered, unreachable } = pair.buyer.leases.auditOf(id)
  assert.deepEqual([unanswered > 0, unreachable], [true, 0])
})

test('two audits of one copy do not overwrite what the other has found', async () => {
  const id = await pair.deal({ installments: 3 })
  let lost = 0
  questions(() => (lost++ === 0 ? 'lost' : null))
  const both = await Promise.allSettled([pair.buyerLease(id).check(never), pair.buyerLease(id).check(never)])
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  const { challenge, unanswered, failing } = pair.buyer.leases.auditOf(id)
  assert.deepEqual([challenge, unanswered, failing], [null, 0, null])
})

test('a provider that has ended the lease says so when it is audited, and its debt is signed', async () => {
  const id = await pair.deal({ installments: 3 })
  pair.wire.chooseFault = ({ method }) => (method === 'notice' ? 'lost' : null)
  await pair.leaseManager.end(id, 'ended by the provider')
  const maintenance = pair.maintenance({ now: () => Date.now() + 1.1 * DAY })
  await maintenance.look()
  await maintenance.audited()
  assert.notEqual(pair.buyer.leases.get('buyer', id)!.state, LEASE.STORED)
  assert.ok(pair.buyer.debts.get('creditor', id)!.leftMsat > 0n)
})
