import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import test from 'node:test'
import type { StatusResult } from '../../src/node/api/api.js'
import { settled } from '../world/payments.js'
import { noise, makeTree } from '../samples/tree.js'
import { World } from '../world/world.js'
import type { MirrorResult } from '../world/world.js'
import { unseen } from '../parts/book/unseen.js'

const MIB = 1024 ** 2
const SIZE = 24 * MIB

async function usedBytes(world: World, name: string): Promise<number> {
  const { resources } = await world.ok<StatusResult>(name, ['status'])
  return Number(resources.storage!.facts.usedBytes)
}

test('the end of a lease frees its disk, and an order can be withdrawn', { timeout: 120_000 }, async t => {
  const { world, market } = await World.withMarket(t)
  const [seller] = await Promise.all([
    world.seller('seller', market, '1000 sat/GiB-month'),
    world.join('buyer', market)
  ])
  await makeTree(world.at('source'), { 'film.bin': noise('end', SIZE) })
  const empty = await usedBytes(world, 'seller')
  const mirror = ['mirror', world.at('source'), '--copies', '1', '--time', '30d']
  const { leases } = await world.ok<MirrorResult>('buyer', mirror)
  const full = await usedBytes(world, 'seller')
  assert.ok(full - empty >= SIZE, `${full - empty} bytes are used`)

  const dry = await world.ok<{ state: string }>('buyer', ['leases', 'end', leases[0]!, '--dry-run'])
  assert.equal(dry.state, 'STORED')
  const ended = await world.ok<{ id: string; state: string }>('buyer', ['leases', 'end', leases[0]!])
  assert.deepEqual([ended.id, ended.state], [leases[0], 'ENDED'])
  assert.equal((await world.leases('buyer'))[0]!.state, 'ENDED')
  const sold = await world.leasesWhen('seller', leases => leases[0]?.state === 'ENDED')
  settled(await world.leases('buyer'), sold)
  const freed = await usedBytes(world, 'seller')
  assert.ok(freed - empty < 2 * MIB, `${freed - empty} bytes are still used`)
  await world.ok('buyer', ['leases', 'end', leases[0]!])

  // The space can be sold again, but not without the offer.
  const again = await world.ok<MirrorResult>('buyer', mirror)
  assert.equal(again.copies, 1)
  const { id } = await world.ok<{ id: string }>('seller', ['withdraw', seller.ask])
  assert.equal(id, seller.ask)
  await world.book('buyer', book => book.asks.length === 0)
  await world.fails('seller', ['withdraw', seller.ask], 3)
})

test('two markets with rules of their own work side by side', { timeout: 120_000 }, async t => {
  const world = await World.open(t)
  const strict = world.at('strict.json')
  await writeFile(strict, JSON.stringify({ maxOrdersPerIdentity: 1, stampBits: 4 }))
  const one = await world.found('founder', 'strict', '--rules', strict)
  const { key: two } = await world.ok<{ key: string }>('founder', ['market', 'create', '--name', 'open'])
  assert.notEqual(one, two)
  await writeFile(strict, JSON.stringify({ maxOrdersPerIdentity: -1 }))
  await world.fails('founder', ['market', 'create', '--name', 'absurd', '--rules', strict], 2)

  await world.join('seller', one)
  await world.ok('seller', ['market', 'join', two])
  const { markets } = await world.ok<{ markets: { name: string; key: string }[] }>('seller', [
    'market',
    'list'
  ])
  assert.deepEqual(markets.map(({ name }) => name).sort(), ['open', 'strict'])

  // The market must be named: by name, by key, or once as the default.
  const which = ['sell', 'storage', '--space', '1GiB', '--price', '7 sat/GiB-month']
  assert.equal((await world.fails('seller', which, 2)).code, 'WHICH_MARKET')
  await world.sell('seller', '10 sat/GiB-month', '--market', 'strict')
  await world.fails('seller', [...which, '--market', one], 1)
  await world.ok('seller', ['market', 'use', 'open'])
  await world.sell('seller', '20 sat/GiB-month')
  await world.sell('seller', '21 sat/GiB-month', '--market', two)

  const [first, second] = await Promise.all([
    world.book('founder', book => book.asks.length === 1, '--market', 'strict'),
    world.book('founder', book => book.asks.length === 2, '--market', 'open')
  ])
  assert.equal(first.market, one)
  assert.equal(second.market, two)
  assert.notEqual(first.viewHash, second.viewHash)
  const elsewhere = await world.book('seller', book => book.viewHash === first.viewHash, '--market', 'strict')
  assert.deepEqual(elsewhere.asks.map(unseen), first.asks.map(unseen))

  // A member of one market sees nothing of the other's orders.
  await world.join('buyer', two)
  assert.equal((await world.book('buyer', book => book.asks.length === 2)).viewHash, second.viewHash)
  await world.fails('buyer', ['market', 'use', 'strict'], 3)
})
