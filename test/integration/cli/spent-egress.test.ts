import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MirrorEntry, MirrorResult } from '../../../src/node/api/api.js'
import { look, makeTree, noise } from '../../samples/tree.js'
import { World } from '../../world/world.js'

interface Egress {
  readers: number
  owner: number
}
type Shown = MirrorEntry & { leases: { egress: Egress }[] }

test('who has the link uses up what readers may fetch, and the owner restores all the same', async t => {
  const { world, market } = await World.withMarket(t)
  await world.seller('seller', market, '500 sat/GiB-month')
  await world.join('buyer', market)
  await makeTree(world.at('films'), { 'film.bin': noise('film', 8 << 20) })
  const mirror = ['mirror', world.at('films'), '--copies', '1', '--time', '30d']
  const { link } = await world.ok<MirrorResult>('buyer', mirror)
  const shown = async (): Promise<Egress> =>
    (await world.ok<Shown>('buyer', ['mirrors', 'show', 'films'])).leases[0]!.egress
  const egress = async (): Promise<Egress> => {
    await world.ok('buyer', ['mirrors', 'check', 'films'])
    return shown()
  }
  const before = await egress()
  assert.ok(before.readers >= 3 * (8 << 20) && before.owner >= 8 << 20)

  await world.join('reader')
  const restore = (i: number): string[] => ['restore', link, world.at(`read${i}`)]
  for (let i = 0; i < 3; i++) await world.ok('reader', restore(i))
  const { message, hint } = await world.fails('reader', restore(3), 1)
  assert.match(message, /^what readers may fetch under the lease is spent at 1 provider/)
  assert.match(hint, /^its owner can still restore it/)
  assert.deepEqual(await egress(), { readers: 0, owner: before.owner })
  assert.match(
    JSON.stringify(await world.ok('buyer', ['status'])),
    /readers have fetched all that they may, and get nothing more/
  )

  await world.ok('buyer', ['restore', link, world.at('restored')])
  assert.deepEqual(await look(world.at('restored')), await look(world.at('films')))
  const after = await egress()
  assert.equal(after.readers, 0)
  assert.ok(after.owner < before.owner)

  await world.ok('buyer', ['mirrors', 'end', 'films'])
  assert.deepEqual(await shown(), { readers: 0, owner: 0 }, 'nothing is left of what is over')
})
