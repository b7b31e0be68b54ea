import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatusResult } from '../../../src/node/api/api.js'
import { Lab } from './lab.js'
import type { Before } from './lab.js'
import { missing } from './missing.js'

const OPTIONS = { skip: missing(), timeout: 5 * 60_000 }

/** What stands before a home, and what its node must say that it sees. */
const SEEN: [name: string, before: Before, reach: string][] = [
  ['public', {}, 'public'],
  ['forwarded', { router: 'forwarded' }, 'public'],
  ['cone', { router: 'cone' }, 'cone'],
  ['double', { router: 'cone', carrier: 'cones' }, 'cone'],
  ['symmetric', { router: 'symmetric' }, 'symmetric'],
  ['double-symmetric', { router: 'cone', carrier: 'symmetrics' }, 'symmetric']
]

test('a node says which kind of router it is behind', OPTIONS, async t => {
  const lab = await Lab.open(t)
  const { world } = lab
  await lab.carrier('cones', 'cone')
  await lab.carrier('symmetrics', 'symmetric')
  for (const [name, before] of SEEN) await lab.home(name, before)
  for (const [name, , reach] of SEEN) {
    await t.test(name, async t => {
      await world.home(name)
      const begun = performance.now()
      await world.up(name)
      t.diagnostic(`${((performance.now() - begun) / 1000).toFixed(1)} s until it is up`)
      const { reachability } = await world.ok<StatusResult>(name, ['status'])
      assert.equal(reachability?.reach, reach)
      await world.stop(name)
    })
  }
})

test('where UDP is dropped, `up`, `status` and `sell` say so and blame nobody', OPTIONS, async t => {
  const lab = await Lab.open(t)
  const { world } = lab
  await lab.home('founder')
  await lab.home('seller', { router: 'no UDP' })
  const market = await world.found('founder', 'bazaar')
  await world.home('seller')
  // It joined the market on another network, as a laptop does.
  await world.ok('seller', ['market', 'join', market], { under: lab.under('founder') })

  const begun = performance.now()
  const { process } = await world.up('seller')
  t.diagnostic(`${((performance.now() - begun) / 1000).toFixed(1)} s until it is up`)
  const ready = await process.line(line => line['event'] === 'ready')
  assert.match(String(ready['warning']), /UDP/)
  const { reachability, notes } = await world.ok<StatusResult>('seller', ['status'])
  assert.equal(reachability?.reach, 'offline')
  assert.match(notes.join('\n'), /UDP/)
  const offer = ['sell', 'storage', '--space', '100MiB', '--price', '25 sat/GiB-month']
  const { message, hint } = await world.fails('seller', offer, 1)
  assert.match(message, /UDP/)
  assert.match(hint, /UDP/)
})
