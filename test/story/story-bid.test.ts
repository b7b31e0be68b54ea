import assert from 'node:assert/strict'
import test from 'node:test'
import { settled } from '../world/payments.js'
import { look, makeTree, noise } from '../samples/tree.js'
import { World } from '../world/world.js'

test('a bid rests until a provider comes and is filled unattended', { timeout: 120_000 }, async t => {
  const { world, market } = await World.withMarket(t)
  await world.join('buyer', market)
  const source = world.at('source')
  await makeTree(source, { 'a.txt': 'a', 'b/film.bin': noise('bid', 1 << 20) })

  const bid = [
    'bid',
    'storage',
    source,
    '--time',
    '30d',
    '--copies',
    '2',
    '--max-price',
    '30000 sat/GiB-month'
  ]
  const dry = await world.ok<{ dryRun: boolean }>('buyer', [...bid, '--dry-run'])
  assert.equal(dry.dryRun, true)
  const { id } = await world.ok<{ id: string }>('buyer', bid)
  const resting = await world.book('founder', book => book.bids.length === 1)
  assert.equal(resting.bids[0]!.id, id)
  assert.equal(resting.bids[0]!.copies, 2)
  assert.equal(resting.bids[0]!.time, 30 * 86_400_000)
  assert.equal(BigInt(resting.bids[0]!.price), 30_000n * 1000n * 1024n)
  assert.deepEqual(await world.leases('buyer'), [])

  // One provider is not enough, the second is too dear, and the third fills the bid.
  await Promise.all([
    world.seller('first', market, '20000 sat/GiB-month'),
    world.seller('dear', market, '90000 sat/GiB-month')
  ])
  await world.book('buyer', book => book.asks.length === 2)
  assert.deepEqual(await world.leases('buyer'), [], 'nothing is bought for one copy of two')
  await world.seller('second', market, '25000 sat/GiB-month')

  const leases = await world.leasesWhen(
    'buyer',
    leases =>
      leases.length === 2 && leases.every(lease => lease.state === 'STORED' && lease.until === lease.ends)
  )
  const links = new Set(leases.map(lease => lease.link))
  assert.equal(links.size, 1)
  const gone = await world.book('founder', book => book.bids.length === 0)
  assert.equal(gone.asks.length, 3)
  const sold = [...(await world.leases('first')), ...(await world.leases('second'))]
  assert.ok(settled(leases, sold) > 0n)
  assert.deepEqual(await world.leases('dear'), [])

  await world.home('reader')
  await world.ok('reader', ['restore', [...links][0]!, world.at('restored')])
  assert.deepEqual(await look(world.at('restored')), await look(source))
})
