import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { openPair } from './open-pair.js'

const never = new AbortController().signal

test('the owner knows what was fetched of a copy from its audits and its payments', async t => {
  const { pair, close } = await openPair()
  t.after(close)
  const id = await pair.deal({ installments: 1 })
  const { leases } = pair.buyer
  pair.shelf.accounts = () => ({ readers: 1000, owner: 500 })
  const copy = pair.buyerLease(id)
  await copy.check(never)
  assert.deepEqual(leases.egressOf(id), { readers: 1000, owner: 500 })
  pair.shelf.accounts = () => ({ readers: 1000, owner: 0 })
  await copy.payNext(never)
  assert.deepEqual(leases.egressOf(id), { readers: 1000, owner: 0 }, "the owner's account was refilled")
  assert.equal(leases.get('buyer', id)!.counter!.counter.egressBytes, 1000)
  await copy.giveUp('the test is over')
  assert.equal(leases.get('buyer', id)!.state, LEASE.ENDED)
  assert.deepEqual(leases.egressOf(id), { readers: 0, owner: 0 }, 'nothing is kept of a lease that is over')
})

test('a provider that has no answer about what was fetched has still held its audit', async t => {
  const { pair, close } = await openPair()
  t.after(close)
  const id = await pair.deal({ installments: 1 })
  pair.wire.chooseFault = ({ method }) => (method === 'progress' ? 'cut' : null)
  assert.ok((await pair.buyerLease(id).check(never)) > 0)
  assert.equal(pair.buyer.leases.health(pair.buyer.leases.get('buyer', id)!), 'healthy')
})

test('a provider that claims that more was fetched than was agreed lies', async t => {
  const { pair, close } = await openPair()
  t.after(close)
  const id = await pair.deal({ installments: 1 })
  const { egressBytes } = pair.buyer.leases.get('buyer', id)!.terms
  for (const accounts of [
    { readers: egressBytes + 1, owner: 0 },
    { readers: 0, owner: 2 ** 40 }
  ]) {
    pair.shelf.accounts = () => accounts
    const lies = { code: 'BAD_PEER', message: /claims more egress than was agreed/ }
    await assert.rejects(pair.buyerLease(id).check(never), lies)
  }
  assert.deepEqual(pair.buyer.leases.egressOf(id), { readers: 0, owner: 0 })
})

test('a provider that has sent a block beyond what was agreed is paid on', async t => {
  const { pair, close } = await openPair()
  t.after(close)
  const id = await pair.deal({ installments: 1 })
  const { egressBytes } = pair.buyer.leases.get('buyer', id)!.terms
  Object.assign(pair.shelf.leases[0]!, { egressUsed: egressBytes + 1000 })
  const copy = pair.buyerLease(id)
  await copy.payNext(never)
  assert.equal(copy.paidInstallments, 2)
  assert.deepEqual(pair.buyer.leases.egressOf(id), { readers: egressBytes, owner: 0 })
})
