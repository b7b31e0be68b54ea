import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { MirrorResult } from '../../world/world.js'
import { Lab } from './lab.js'
import type { Before } from './lab.js'
import { missing } from './missing.js'

/** What stands before the homes. Both homes of a double router are in the network of one carrier, without hairpin. */
const KINDS: Record<string, Before> = {
  public: {},
  forwarded: { router: 'forwarded' },
  cone: { router: 'cone' },
  double: { router: 'cone', carrier: 'cones' },
  symmetric: { router: 'symmetric' },
  'double-symmetric': { router: 'cone', carrier: 'symmetrics' }
}
const SELLERS = Object.keys(KINDS)
const NEIGHBOUR = 'cone-neighbour'
const BUYERS = [...SELLERS, NEIGHBOUR]
const OPTIONS = { skip: missing(), timeout: 15 * 60_000, concurrency: 1 }

test('homes behind every two kinds of routers trade', OPTIONS, async t => {
  const lab = await Lab.open(t)
  await lab.home('founder')
  await lab.carrier('cones', 'cone')
  await lab.carrier('symmetrics', 'symmetric')
  for (const kind of SELLERS) {
    await lab.home(kind, KINDS[kind])
    await lab.home(`buyer-${kind}`, KINDS[kind])
  }
  lab.neighbour(`buyer-${NEIGHBOUR}`, 'cone')

  // One market for each seller, so that a buyer dials the seller that is meant.
  const { world } = lab
  await world.join('founder')
  const markets: string[] = []
  for (const kind of SELLERS) {
    const create = ['market', 'create', '--name', kind]
    markets.push((await world.ok<{ key: string }>('founder', create)).key)
  }
  await Promise.all(SELLERS.map((kind, i) => world.seller(kind, markets[i]!, '100 sat/GiB-month')))
  await Promise.all(
    BUYERS.map(async kind => {
      await world.join(`buyer-${kind}`)
      for (const market of markets) await world.ok(`buyer-${kind}`, ['market', 'join', market])
    })
  )

  const rows = BUYERS.map(async kind => {
    const row = [kind]
    const buyer = `buyer-${kind}`
    await t.test(`a buyer that is ${kind}`, async t => {
      for (const seller of SELLERS) {
        await t.test(`stores a file at a seller that is ${seller}`, async () => {
          const file = world.at(`from ${kind} to ${seller}`)
          await writeFile(file, `${kind} to ${seller}`)
          const begun = performance.now()
          const args = ['mirror', file, '--market', seller, '--copies', '1', '--time', '1d']
          try {
            const { copies } = await world.ok<MirrorResult>(buyer, args)
            assert.equal(copies, 1)
            row.push(((performance.now() - begun) / 1000).toFixed(1))
          } catch (error) {
            row.push('never')
            throw error
          }
        })
      }
    })
    return row
  })
  const table = [
    ['buyer \\ seller, s', ...SELLERS],
    ['', ...SELLERS].map(() => '---'),
    ...(await Promise.all(rows))
  ]
  t.diagnostic(`\n${table.map(row => `| ${row.join(' | ')} |`).join('\n')}`)
})
