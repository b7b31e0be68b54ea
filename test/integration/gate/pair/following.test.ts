import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lease } from '#spec'
import { formatKey } from '../../../../contracts/keys/key.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { nullLogger } from '../../../../src/base/logger.js'
import { BuyerLease } from '../../../../src/storage/buyer/buyer-lease.js'
import { Extending } from '../../../../src/storage/buyer/upkeep/extending.js'
import type { Extended } from '../../../../src/storage/buyer/upkeep/extending.js'
import { UNREAD } from '../../../../src/storage/lease/egress.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { endOf } from '../../../../src/storage/lease/leases.js'
import { mirrorsOf } from '../../../../src/storage/buyer/mirror-names.js'
import type { DealPair } from './deal-pair.js'
import { openPair } from './open-pair.js'

const TIME = 20 * DAY

async function extend(pair: DealPair, id: Buffer): Promise<Extended> {
  const [job] = mirrorsOf(pair.buyer.store, pair.buyer.leases)
  const how = { time: TIME, maxPrice: null }
  const { signal } = new AbortController()
  const extending = new Extending(pair.mirrors, nullLogger)
  const before = pair.buyer.leases.get('buyer', id)!
  const [extended] = await extending.extend(job!, [before], how, pair.listener, signal)
  return extended!
}

function both(pair: DealPair, id: Buffer): [Lease, Lease] {
  return [pair.buyer.leases.get('buyer', id)!, pair.provider.leases.get('provider', id)!]
}

function statesOf(pair: DealPair, id: Buffer): unknown[] {
  return both(pair, id).map(({ state }) => state)
}

test('a lease is extended without an upload, and the next one begins where it ends', async t => {
  const { pair, close } = await openPair()
  t.after(close)
  const id = await pair.deal({ installments: 1 })
  const reserved = pair.leaseManager.reservedBytes()
  let asked = 0
  pair.wire.chooseFault = ({ method, way }) => {
    if (method === 'progress' && way === 'request') asked++
    return null
  }
  const { next, error } = await extend(pair, id)
  assert.equal(error, undefined)
  const following = next!.id
  assert.equal(
    pair.buyerLease(id).paidInstallments,
    pair.buyerLease(id).installments,
    'it is paid to its end'
  )
  assert.deepEqual(statesOf(pair, following), [LEASE.NEXT, LEASE.NEXT])
  const [mine, theirs] = both(pair, following)
  assert.deepEqual([mine.start, theirs.start], [endOf(both(pair, id)[0]), endOf(both(pair, id)[1])])
  assert.equal(pair.leaseManager.reservedBytes(), reserved, 'it takes no space of its own')
  assert.ok(asked <= 3, 'it is all there')
  await next!.check(new AbortController().signal)

  assert.ok((await extend(pair, id)).next!.id.equals(following), 'asked again it is the same one')
  assert.equal(mirrorsOf(pair.buyer.store, pair.buyer.leases)[0]!.time, 30 * DAY + TIME, 'and counts once')

  const spent = { egressUsed: both(pair, id)[1].terms.egressBytes }
  for (const kept of pair.shelf.leases) if (kept.id === formatKey(id)) Object.assign(kept, spent)
  pair.ahead = 30 * DAY + 11 * 60_000
  await pair.leaseManager.look()
  const maintenance = pair.maintenance({ now: () => Date.now() + pair.ahead })
  await maintenance.look()
  await maintenance.look()
  assert.deepEqual(statesOf(pair, id), [LEASE.ENDED, LEASE.ENDED])
  assert.deepEqual(pair.shelf.accounts(formatKey(following)), UNREAD, 'readers have egress again')
  assert.deepEqual(statesOf(pair, following), [LEASE.STORED, LEASE.STORED])
  assert.equal(pair.leaseManager.reservedBytes(), reserved, 'it has the space now')
  await maintenance.audited()
  assert.equal(pair.buyer.leases.health(both(pair, following)[0]), 'healthy')
  assert.deepEqual([pair.shelf.leases.length, pair.buyer.faults, pair.provider.faults], [1, [], []])
})

test('a lease that follows ends with the one before it, and is paid back', async t => {
  const { pair, close } = await openPair()
  t.after(close)
  const id = await pair.deal({ installments: 3 })
  const { next, error } = await extend(pair, id)
  assert.equal(error, undefined)
  await pair.buyerLease(id).giveUp('the owner ended it')
  assert.deepEqual(
    [statesOf(pair, id), statesOf(pair, next!.id)],
    [
      [LEASE.ENDED, LEASE.ENDED],
      [LEASE.ENDED, LEASE.ENDED]
    ]
  )
  assert.ok(pair.buyer.debts.get('creditor', next!.id)!.leftMsat > 0n)
  await pair.refund(id)
  await pair.refund(next!.id)
  await pair.settle()
})

test('a provider takes no seal of a lease whose predecessor is not paid to its end', async t => {
  const { pair, close } = await openPair()
  t.after(close)
  const id = await pair.deal({ installments: 1 })
  // Who pays nothing more for the first lease must not have its space until the second begins.
  t.mock.method(BuyerLease.prototype, 'payOut', async () => undefined)
  const { next, error } = await extend(pair, id)
  assert.equal(next, null)
  assert.match(String(error), /not paid to its end/)
})
