import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MirrorResult, StatusResult } from '../../../src/node/api/api.js'
import { makeTree, noise } from '../../samples/tree.js'
import { World } from '../../world/world.js'

test('a buyer that was off learns of the end of its lease from a seller that was killed after it, and is paid back', async t => {
  const { world, market } = await World.withMarket(t)
  await world.seller('seller', market, '200000 sat/GiB-month')
  await world.join('buyer', market)
  await makeTree(world.at('films'), { 'film.bin': noise('film', 1 << 20) })
  const mirror = ['mirror', world.at('films'), '--copies', '1', '--time', '30d', '--ahead', 'all']
  const { paidMsat } = await world.ok<MirrorResult>('buyer', mirror)
  assert.ok(BigInt(paidMsat) > 2_000n)
  await world.stop('buyer')
  const [sold] = await world.leases('seller')
  await world.ok('seller', ['leases', 'end', sold!.id])
  await world.kill('seller')
  await Promise.all([world.up('seller'), world.up('buyer')])
  const [over] = await world.leasesWhen('buyer', ([lease]) => BigInt(lease!.refundedMsat ?? '0') > 0n)
  assert.equal(over!.state, 'ENDED')
  assert.equal(over!.why, 'the provider ended it, and says: ended by the provider')
  const { facts } = (await world.ok<StatusResult>('buyer', ['status'])).resources['storage']!
  assert.deepEqual([facts['owedMsat'], facts['debtors']], ['0', 0])
})
