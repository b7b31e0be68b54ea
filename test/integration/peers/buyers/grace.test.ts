import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { parsePrice } from '../../../../contracts/money/money.js'
import { formatKey } from '../../../../contracts/keys/key.js'
import { KIB } from '../../../../contracts/money/quantity.js'
import { readingStore } from '../../../../src/node/home-store.js'
import type { StatusResult } from '../../../../src/node/api/api.js'
import { occupiedBytes } from '../../../../src/files/disk.js'
import { Leases } from '../../../../src/storage/lease/leases.js'
import { noise } from '../../../samples/tree.js'
import { World } from '../../../world/world.js'
import { addressOf } from '../../../parts/peers/buyers.js'
import { RogueBuyer, limitOf, sealOf } from '../../../parts/peers/rogue-buyer.js'
import type { Offer } from '../../../parts/peers/rogue-buyer.js'
import { nameOf } from '../../../../src/base/states.js'

const PRICE = parsePrice('100000 sat/GiB-month')
const FOLDERS = 64 * KIB
/** Per core, beside what an idle store occupies. */
const BLOCKS = 8
const CORE = BLOCKS * 64 * KIB

test('a provider frees its disk after the grace when buyers do not do their part', async t => {
  const world = await World.open(t)
  const market = await world.found('founder', 'fair')
  await world.home('lease manager')
  await world.ok('lease manager', ['market', 'join', market])
  const shelf = (): Promise<number> => occupiedBytes(world.at('lease manager', 'shelf'))

  const first = await serve(world, 0)
  const disk = await shelf()
  const offer: Offer = { market, id: first.id, device: first.device, price: PRICE }
  const cheat = await RogueBuyer.open({ dir: world.at('cheat'), bootstrap: addressOf(world), paying: true })
  t.after(() => cheat.close())
  const core = async (name: string): ReturnType<RogueBuyer['core']> =>
    cheat.core(...Array.from({ length: BLOCKS }, (_, i) => noise(`${name}${i}`, 64 * KIB)))

  const unpaid = await cheat.agree(offer, [limitOf(await core('unpaid'))])
  const idle = await cheat.buy(offer, [limitOf(await core('idle'))])
  const uploaded = await core('uploaded')
  const unsealed = await cheat.buy(offer, [limitOf(uploaded)])
  await cheat.upload(unsealed, [uploaded], uploaded.length)
  const kept = await core('kept')
  const sealed = await cheat.buy(offer, [limitOf(kept)])
  await cheat.upload(sealed, [kept], kept.length)
  await cheat.seal(sealed, [await sealOf(kept)])
  await first.stop()

  const states = async (): Promise<Record<string, string>> => {
    const named = Object.entries({ unpaid, idle, unsealed, sealed })
    return readingStore(world.at('lease manager'), store => {
      const leases = new Leases(store)
      return Object.fromEntries(
        named.map(([name, { id }]) => {
          const lease = leases.get('provider', id)
          return [name, lease ? nameOf(lease.state) : 'forgotten']
        })
      )
    })
  }
  const become = async (expected: Record<string, string>): Promise<void> => {
    for (let tries = 0; tries < 100 && !isDeepStrictEqual(await states(), expected); tries++) {
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    assert.deepEqual(await states(), expected)
  }
  const reserved = async (): Promise<number> =>
    Number(
      (await world.ok<StatusResult>('lease manager', ['status'])).resources['storage']!.facts['reservedBytes']
    )

  await t.test('the provider keeps and reserves everything for the paid time', async () => {
    const expected = { unpaid: 'COUNTERSIGNED', idle: 'ACTIVE', unsealed: 'ACTIVE', sealed: 'STORED' }
    assert.deepEqual(await states(), expected)
    assert.equal(await reserved(), 4 * (CORE + BLOCKS * 128))
    assert.ok((await shelf()) - disk > 2 * CORE)
  })

  await t.test(
    'five days later the unpaid agreement has lapsed, and all others are in their grace',
    async () => {
      const leaseManager = await serve(world, 5)
      await become({ unpaid: 'VOID', idle: 'ACTIVE', unsealed: 'ACTIVE', sealed: 'GRACE' })
      await leaseManager.stop()
      assert.equal(await reserved(), 3 * (CORE + BLOCKS * 128))
      assert.ok((await shelf()) - disk > 2 * CORE)
    }
  )

  await t.test('a provider that cannot read the file of one of them starts, and loses nothing', async () => {
    const path = world.at('lease manager', 'shelf', 'leases', `${formatKey(sealed.id)}.json`)
    const whole = await readFile(path)
    await writeFile(path, '{')
    const leaseManager = await serve(world, 6)
    await leaseManager.stop()
    assert.equal((await states())['sealed'], 'GRACE')
    assert.equal(await readFile(path, 'utf8'), '{')
    await writeFile(path, whole)
  })

  await t.test('twelve days later all data is dropped, and the disk is as before', async () => {
    const leaseManager = await serve(world, 12)
    await become({ unpaid: 'forgotten', idle: 'ENDED', unsealed: 'ENDED', sealed: 'ENDED' })
    await leaseManager.stop()
    assert.equal(await reserved(), 0)
    assert.ok((await shelf()) <= disk + FOLDERS, `${await shelf()} bytes, at first ${disk}`)
  })
})

interface Served {
  id: string
  device: string
  stop: () => Promise<void>
}

/** The provider's node, with its clock this many days ahead. */
async function serve(world: World, days: number): Promise<Served> {
  const [{ host, port }] = addressOf(world) as [{ host: string; port: number }]
  const script = fileURLToPath(new URL('../../../parts/peers/fast-clock-node.js', import.meta.url))
  const args = [world.at('lease manager'), host, String(port), String(days), String(PRICE)]
  const child = world.processes.script(script, { args })
  const ready = await child.line(({ event }) => event === 'ready')
  const { id, device } = ready as unknown as { id: string; device: string }
  return { id, device, stop: async () => assert.equal((await child.stop()).code, 0) }
}
