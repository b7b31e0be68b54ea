import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import type { MirrorEntry, MirrorResult } from '../../src/node/api/api.js'
import { makeTree, noise, look } from '../samples/tree.js'
import { World } from '../world/world.js'

type Shown = MirrorEntry & { leases: { id: string; provider: string; health: string }[] }

test('a copy that its seller gives up is made anew by another one, without the files', async t => {
  const { world, market } = await World.withMarket(t)
  for (const name of ['one', 'two']) await world.seller(name, market, '500 sat/GiB-month')
  await world.join('buyer', market)
  await makeTree(world.at('films'), { 'film.bin': noise('film', 3 << 20), 'notes.txt': 'seen' })
  const made = await world.ok<MirrorResult>('buyer', [
    'mirror',
    world.at('films'),
    '--copies',
    '2',
    '--time',
    '30d'
  ])
  const files = await look(world.at('films'))
  await rm(world.at('films'), { recursive: true })
  await world.seller('three', market, '700 sat/GiB-month')

  const [given] = await world.leases('one')
  await world.ok('one', ['leases', 'end', given!.id])
  assert.equal((await world.run('buyer', ['mirrors', 'check', 'films'])).code, 1)
  const watching = world.start('buyer', ['mirrors', '--watch'])
  await watching.line(line => (line['mirrors'] as MirrorEntry[] | undefined)?.[0]?.copies.healthy === 2)
  await watching.kill('SIGINT')
  const { leases, copies, ends } = await world.ok<Shown>('buyer', ['mirrors', 'show', 'films'])
  assert.deepEqual(copies, { wanted: 2, healthy: 2, failing: 0 })
  assert.deepEqual(
    leases.map(({ health }) => health),
    ['healthy', 'healthy', 'over']
  )
  const [anew] = await world.leases('three')
  assert.equal(anew!.id, leases[0]!.id)
  assert.ok(Math.abs(anew!.ends - ends) < 60_000, 'it ends with the other copy')

  await world.stop('two')
  await world.ok('buyer', ['restore', made.link, world.at('restored')])
  assert.deepEqual(await look(world.at('restored')), files)
})
