import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { noise } from '../../samples/tree.js'
import { isStep } from '../../world/resume.js'
import type { MirrorResult } from '../../world/world.js'
import { Lab } from './lab.js'
import { missingWire } from './missing.js'

const OPTIONS = { skip: missingWire(), timeout: 10 * 60_000 }
const MIB = 1024 ** 2
/** So large, over so slow a link, that the upload lasts while its network changes. */
const SIZE = 12 * MIB
const SLOW = { mbit: 16, delayMs: 5, lost: 0 }
const FAR = { mbit: 100, delayMs: 40, lost: 5 }
/** How long a cable is out. */
const OUT_MS = 10_000
const UPLOAD_MS = 300_000

test('an upload survives what happens to its network', OPTIONS, async t => {
  const lab = await Lab.open(t)
  const { world } = lab
  await lab.home('founder')
  await lab.home('buyer', { router: 'cone', shape: SLOW })
  await lab.home('seller', { router: 'cone' })
  await lab.home('spare')
  const market = await world.found('founder', 'bazaar')
  const [seller] = await Promise.all([
    world.seller('seller', market, '100 sat/GiB-month'),
    world.seller('spare', market, '200 sat/GiB-month'),
    world.join('buyer', market)
  ])

  const cases: [happens: string, happen: () => Promise<void>][] = [
    [
      'the cable of the buyer is out for some seconds',
      async () => {
        await lab.cable('buyer', 'out')
        await pause(OUT_MS)
        await lab.cable('buyer', 'in')
      }
    ],
    [
      'the cable of the seller is out for some seconds',
      async () => {
        await lab.cable('seller', 'out')
        await pause(OUT_MS)
        await lab.cable('seller', 'in')
      }
    ],
    ['the buyer gets another public address', async () => lab.move('buyer')],
    ['the seller gets another public address', async () => lab.move('seller')],
    ['one of twenty frames is lost on a way of 80 ms', () => lab.shape('buyer', FAR)]
  ]
  for (const [i, [happens, happen]] of cases.entries()) {
    await t.test(`it ends well when ${happens}`, async () => {
      const before = await world.leases('buyer')
      const file = world.at(`file ${i}`)
      await writeFile(file, noise(happens, SIZE))
      const args = ['mirror', file, '--copies', '1', '--time', '30d']
      const mirror = world.start('buyer', args)
      await mirror.line(isStep('upload'))
      const begun = performance.now()
      await happen()
      const { leases } = (await mirror.line(line => 'link' in line, UPLOAD_MS)) as unknown as MirrorResult
      t.diagnostic(`${happens}: ${((performance.now() - begun) / 1000).toFixed(1)} s until it had ended`)

      const known = new Set(before.map(({ id }) => id))
      const bought = (await world.leases('buyer')).filter(({ id }) => !known.has(id))
      const paid = bought.filter(({ paidMsat }) => paidMsat !== '0')
      assert.deepEqual(
        paid.map(({ id, device, state }) => [id, device, state]),
        [[leases[0], seller.device, 'STORED']],
        'it stays with its seller, and no second lease is paid'
      )
      const unpaid = bought.filter(lease => !paid.includes(lease))
      assert.deepEqual(
        unpaid.filter(({ state }) => state !== 'VOID'),
        [],
        'a seller that was not needed in the end holds nothing'
      )
    })
  }
  // A seller that is blamed is not asked again for an hour, and the spare one would be taken.
  await t.test('the seller was never blamed: it is the first that is asked', async () => {
    const file = world.at('last')
    await writeFile(file, 'last')
    const { leases } = await world.ok<MirrorResult>('buyer', [
      'mirror',
      file,
      '--copies',
      '1',
      '--time',
      '30d'
    ])
    const last = (await world.leases('buyer')).find(({ id }) => id === leases[0])
    assert.equal(last!.device, seller.device)
  })
})
