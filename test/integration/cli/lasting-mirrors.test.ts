import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY } from '../../../contracts/money/quantity.js'
import type { MirrorEntry, MirrorResult } from '../../../src/node/api/api.js'
import { makeTree, noise } from '../../samples/tree.js'
import { World } from '../../world/world.js'

interface Extended {
  ok: boolean
  copies: { result: string; ends: number; next?: string }[]
  chargeMsat: string
  paidMsat: string
}
interface Ended {
  leases: { lease: string; state: string; refundedMsat: string }[]
}

test('a mirror is extended, renewed by itself and ended', async t => {
  const { world, market } = await World.withMarket(t)
  const sellers = ['one', 'two']
  for (const name of sellers) await world.seller(name, market, '5000 sat/GiB-month')
  await world.join('buyer', market)
  await makeTree(world.at('films'), { 'film.bin': noise('film', 1 << 20) })
  const made = await world.ok<MirrorResult>('buyer', ['mirror', world.at('films'), '--time', '30d'])
  const mirror = async (): Promise<MirrorEntry> =>
    (await world.ok<{ mirrors: MirrorEntry[] }>('buyer', ['mirrors'])).mirrors[0]!
  const { ends, monthMsat } = await mirror()

  const extend = ['mirrors', 'extend', 'films', '--time', '30d']
  const foreseen = await world.ok<Extended>('buyer', [...extend, '--dry-run'])
  assert.deepEqual([foreseen.ok, foreseen.copies.length, foreseen.chargeMsat], [true, 2, monthMsat])
  assert.equal((await mirror()).ends, ends)
  const dear = await world.run('buyer', [...extend, '--max-price', '1 sat/GiB-month'])
  assert.equal(dear.code, 1)
  const extended = await world.ok<Extended>('buyer', extend)
  assert.deepEqual(
    [extended.ok, extended.chargeMsat, extended.paidMsat],
    [true, foreseen.chargeMsat, foreseen.chargeMsat]
  )
  const after = await mirror()
  assert.deepEqual(
    [after.ends, after.paidUntil, after.monthMsat, after.copies],
    [ends + 30 * DAY, ends + 30 * DAY, monthMsat, { wanted: 2, healthy: 2, failing: 0 }]
  )
  const { code } = await world.fails('buyer', extend, 1)
  assert.equal(code, 'IN_PROGRESS')
  const link = await world.ok<{ link: string }>('buyer', ['mirrors', 'link', 'films'])
  assert.equal(link.link, made.link)

  await world.ok('buyer', ['mirrors', 'renew', 'films', 'on'])
  assert.equal((await mirror()).renew, true)
  assert.equal((await world.fails('buyer', ['mirrors', 'renew', 'films', 'yes'], 2)).code, 'BAD_INPUT')

  const { leases } = await world.ok<Ended>('buyer', ['mirrors', 'end', 'films'])
  assert.deepEqual(
    leases.map(({ state }) => state),
    ['ENDED', 'ENDED', 'ENDED', 'ENDED']
  )
  assert.ok(leases.every(({ refundedMsat }) => BigInt(refundedMsat) > 0n))
  for (const name of sellers) assert.ok((await world.leases(name)).every(({ state }) => state === 'ENDED'))
  assert.equal((await mirror()).next.what, 'ended')
})
