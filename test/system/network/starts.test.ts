import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { noise } from '../../samples/tree.js'
import { Lab } from './lab.js'
import { missing } from './missing.js'

const OPTIONS = { skip: missing(), timeout: 15 * 60_000 }
const UPLOADS = 40
const SIZE = 1024
/** More than the usual one, s. */
const LATE_S = 2

test('uploads from behind the router of a carrier begin at once', OPTIONS, async t => {
  const lab = await Lab.open(t)
  const { world } = lab
  await lab.home('founder')
  await lab.carrier('cones', 'cone')
  await lab.carrier('symmetrics', 'symmetric')
  const buyers = { cone: 'cones', symmetric: 'symmetrics' }
  for (const [name, carrier] of Object.entries(buyers)) await lab.home(name, { router: 'cone', carrier })
  await lab.home('seller', { router: 'cone' })
  const market = await world.found('founder', 'bazaar')
  await Promise.all([
    world.seller('seller', market, '100 sat/GiB-month'),
    ...Object.keys(buyers).map(name => world.join(name, market))
  ])

  for (const name of Object.keys(buyers)) {
    await t.test(`behind a carrier that is ${name}`, async t => {
      const starts: number[] = []
      for (let i = 0; i < UPLOADS; i++) {
        const file = world.at(`${name} ${i}`)
        await writeFile(file, noise(`${name} ${i}`, SIZE))
        const begun = performance.now()
        const mirror = world.start(name, ['mirror', file, '--copies', '1', '--time', '1d'])
        await mirror.line(line => line['step'] === 'upload' && Number(line['done']) > 0)
        starts.push((performance.now() - begun) / 1000)
        assert.equal((await mirror.ended).code, 0, JSON.stringify(mirror.lines.at(-1)))
      }
      t.diagnostic(`s until the first byte: ${starts.map(s => s.toFixed(1)).join(' ')}`)
      const usual = starts.toSorted((a, b) => a - b)[UPLOADS / 2]!
      // The first one finds the seller, and opens a channel.
      const late = starts.slice(1).filter(s => s > usual + LATE_S)
      assert.deepEqual(late, [], `${late.length} of ${UPLOADS} began late`)
    })
  }
})
