import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import type { MirrorEntry, MirrorResult } from '../../src/node/api/api.js'
import { makeTree, noise, look } from '../samples/tree.js'
import { World } from '../world/world.js'

type Shown = MirrorEntry & { leases: { id: string; provider: string; health: string; why?: string }[] }

test('a copy that its seller gives up is made anew at once by another one, without the files', async t => {
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
  const watching = world.start('buyer', ['mirrors', '--watch'])
  await watching.line(line => (line['mirrors'] as MirrorEntry[] | undefined)?.[0]?.copies.healthy === 2)
  await watching.kill('SIGINT')
  const { leases, copies, ends } = await world.ok<Shown>('buyer', ['mirrors', 'show', 'films'])
  assert.deepEqual(copies, { wanted: 2, healthy: 2, failing: 0 })
  assert.deepEqual(leases.map(({ health }) => health).sort(), ['healthy', 'healthy', 'over'])
  const [anew] = await world.leases('three')
  assert.equal(anew!.id, leases[0]!.id)
  assert.ok(Math.abs(anew!.ends - ends) < 60_000, 'it ends with the other copy')
  const over = leases.find(({ health }) => health === 'over')!
  assert.equal(over.why, 'the provider ended it, and says: ended by the provider')

  await world.stop('two')
  await world.ok('buyer', ['restore', made.link, world.at('restored')])
  assert.deepEqual(await look(world.at('restored')), files)
})

test('a replacement goes on after its buyer and the new seller were killed in the middle', async t => {
  const { world, market } = await World.withMarket(t)
  for (const name of ['one', 'two']) await world.seller(name, market, '50 sat/GiB-month')
  await world.join('buyer', market)
  await makeTree(world.at('films'), { 'film.bin': noise('film', 64 << 20) })
  const made = await world.ok<MirrorResult>('buyer', ['mirror', world.at('films'), '--time', '30d'])
  const files = await look(world.at('films'))
  await rm(world.at('films'), { recursive: true })
  await world.seller('three', market, '70 sat/GiB-month')
  await world.ok('one', ['leases', 'end', (await world.leases('one'))[0]!.id])
  const begun = world.leasesWhen('three', leases => leases.some(({ state }) => state === 'ACTIVE'))
  await begun
  await Promise.all([world.kill('buyer'), world.kill('three')])
  await Promise.all([world.up('three'), world.up('buyer')])
  const kept = await world.leasesWhen('buyer', leases =>
    leases.some(({ state, device }) => state === 'STORED' && device !== leases.at(-1)!.device)
  )
  assert.ok(kept.length >= 3)
  const watching = world.start('buyer', ['mirrors', '--watch'])
  await watching.line(line => (line['mirrors'] as MirrorEntry[] | undefined)?.[0]?.copies.healthy === 2)
  await watching.kill('SIGINT')
  assert.deepEqual(
    (await world.leases('three')).map(({ state }) => state),
    ['STORED'],
    'it is the lease that was begun'
  )
  for (const name of ['buyer', 'three'])
    assert.equal((await world.ok<{ ok: boolean }>(name, ['log', '--check'])).ok, true)
  await world.stop('two')
  await world.ok('buyer', ['restore', made.link, world.at('restored')])
  assert.deepEqual(await look(world.at('restored')), files)
})

test('an extension that was killed in the middle goes on when its buyer is up again', async t => {
  const { world, market } = await World.withMarket(t)
  await world.seller('one', market, '20000 sat/GiB-month')
  await world.join('buyer', market)
  await makeTree(world.at('films'), { 'film.bin': noise('film', 1 << 20) })
  const mirror = ['mirror', world.at('films'), '--copies', '1', '--time', '30d']
  await world.ok<MirrorResult>('buyer', mirror)
  const extending = world.start('buyer', ['mirrors', 'extend', 'films', '--time', '30d'])
  await extending.line(line => line['event'] === 'payment')
  await Promise.all([world.kill('buyer'), world.kill('one'), extending.kill('SIGKILL')])
  await Promise.all([world.up('one'), world.up('buyer')])
  const leases = await world.leasesWhen('buyer', all => all.some(({ state }) => state === 'NEXT'))
  assert.deepEqual(leases.map(({ state }) => state).sort(), ['NEXT', 'STORED'])
  assert.deepEqual((await world.leases('one')).map(({ state }) => state).sort(), ['NEXT', 'STORED'])
  for (const name of ['buyer', 'one'])
    assert.equal((await world.ok<{ ok: boolean }>(name, ['log', '--check'])).ok, true)
})
