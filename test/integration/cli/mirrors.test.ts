import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MirrorEntry, MirrorResult } from '../../../src/node/api/api.js'
import { makeTree, noise } from '../../samples/tree.js'
import { World } from '../../world/world.js'

interface Mirrors {
  mirrors: MirrorEntry[]
}
interface Check {
  ok: boolean
  copies: { lease: string; result: string; samples: number }[]
}

test('a mirror is named, listed, shown, audited and renamed, and a seller that is away is told', async t => {
  const { world, market } = await World.withMarket(t)
  const sellers = []
  for (const name of ['one', 'two']) sellers.push(await world.seller(name, market, '500 sat/GiB-month'))
  await world.join('buyer', market)
  await makeTree(world.at('films'), { 'film.bin': noise('film', 1 << 20) })
  const mirror = ['mirror', world.at('films'), '--copies', '2', '--time', '30d']
  const made = await world.ok<MirrorResult>('buyer', mirror)
  assert.equal(made.name, 'films')
  assert.ok(made.paidUntil > Date.now())

  const [listed] = (await world.ok<Mirrors>('buyer', ['mirrors'])).mirrors
  assert.deepEqual(
    { id: listed!.id, name: listed!.name, copies: listed!.copies, bytes: listed!.bytes },
    { id: made.id, name: 'films', copies: { wanted: 2, healthy: 2, failing: 0 }, bytes: 1 << 20 }
  )
  assert.equal(listed!.paidUntil, made.paidUntil)
  const checked = await world.ok<Check>('buyer', ['mirrors', 'check', 'films'])
  assert.deepEqual([checked.ok, checked.copies.map(({ result }) => result)], [true, ['held', 'held']])

  assert.equal((await world.fails('buyer', [...mirror, '--name', 'films'], 2)).code, 'BAD_INPUT')
  await world.ok('buyer', ['mirrors', 'rename', 'films', 'holidays'])
  assert.equal((await world.fails('buyer', ['mirrors', 'show', 'films'], 3)).code, 'NOT_FOUND')
  const shown = await world.ok<
    MirrorEntry & { link: string; leases: { lastAudit: number; health: string }[] }
  >('buyer', ['mirrors', 'show', 'holidays'])
  assert.equal(shown.link, made.link)
  assert.equal((await world.ok<{ link: string }>('buyer', ['mirrors', 'link', 'holidays'])).link, made.link)
  assert.ok(shown.leases.every(({ lastAudit, health }) => lastAudit > 0 && health === 'healthy'))

  assert.equal(
    (await world.fails('buyer', ['mirrors', 'check', 'holidays', '--dry-run'], 2)).code,
    'BAD_INPUT'
  )
  await world.stop('two')
  const away = await world.run('buyer', ['mirrors', 'check', made.id.slice(0, 8)])
  assert.equal(away.code, 1)
  const { copies } = away.result as unknown as Check
  assert.deepEqual(copies.map(({ result }) => result).sort(), ['away', 'held'])
  await world.stop('buyer')
  const offline = (await world.ok<Mirrors>('buyer', ['mirrors'])).mirrors[0]!
  assert.deepEqual(offline.copies, { wanted: 2, healthy: 1, failing: 0 }, 'its audit is open')
})

test('much is paid ahead only with the consent of the owner, and a cheap mirror as far as it says', async t => {
  const { world, market } = await World.withMarket(t)
  await world.seller('dear', market, '2000000 sat/GiB-month')
  await world.join('buyer', market)
  await makeTree(world.at('films'), { 'film.bin': noise('film', 1 << 20) })
  const mirror = ['mirror', world.at('films'), '--copies', '1', '--time', '60d']
  const { paidMsat } = await world.ok<MirrorResult>('buyer', [...mirror, '--dry-run'])
  assert.ok(BigInt(paidMsat) <= 1_000_000n, 'a seller that is not proven is trusted with 1,000 sat')
  const all = [...mirror, '--ahead', 'all']
  const refused = await world.fails('buyer', all, 2)
  assert.equal(refused.code, 'CONSENT_NEEDED')
  assert.deepEqual((await world.ok<Mirrors>('buyer', ['mirrors'])).mirrors, [], 'nothing was begun')
  const made = await world.ok<MirrorResult>('buyer', [...all, '--yes'])
  assert.equal(made.paidMsat, made.chargeMsat)
})
