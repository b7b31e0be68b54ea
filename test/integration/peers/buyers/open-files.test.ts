import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { BOUNDS } from '../../../../src/base/bounds/bounds.js'
import { parsePrice } from '../../../../contracts/money/money.js'
import { KIB } from '../../../../contracts/money/quantity.js'
import type { StatusResult } from '../../../../src/node/api/api.js'
import { pause } from '../../../../src/base/timeouts.js'
import { noise } from '../../../samples/tree.js'
import { World } from '../../../world/world.js'
import { addressOf } from '../../../parts/peers/buyers.js'
import { RogueBuyer, limitOf, sealOf } from '../../../parts/peers/rogue-buyer.js'
import type { Offer } from '../../../parts/peers/rogue-buyer.js'

const PRICE = '100000 sat/GiB-month'
/** Files that the store of a core has open. */
const EACH = 9
const LEASES = 24

test('the open files of a seller do not grow with the leases of a connected buyer', async t => {
  const world = await World.open(t)
  const market = await world.found('seller', 'fair')
  const { id } = await world.sell('seller', PRICE, '--space', '64MiB')
  const { device, pid } = await world.ok<StatusResult>('seller', ['status'])
  const offer: Offer = { market, id, device, price: parsePrice(PRICE) }
  const buyer = await RogueBuyer.open({ dir: world.at('buyer'), bootstrap: addressOf(world), paying: true })
  t.after(() => buyer.close())
  const files = async (): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length
  /** Waits until no more than so many are open. */
  const settled = async (most: number): Promise<number> => {
    for (let tries = 0; (await files()) > most && tries < 100; tries++) await pause(100)
    return files()
  }
  const before = await files()

  await t.test('when they are uploaded and sealed', async () => {
    for (let i = 0; i < LEASES; i++) {
      const core = await buyer.core(noise(`block${i}`, 64 * KIB))
      const purchase = await buyer.buy(offer, [limitOf(core)])
      await buyer.upload(purchase, [core], 1)
      await buyer.seal(purchase, [await sealOf(core)])
    }
    const most = before + 2 * EACH
    assert.ok((await settled(most)) <= most, `${await files()} open files, at first ${before}`)
  })

  await t.test('when they are paid and nothing is uploaded', async () => {
    for (let i = 0; i < LEASES; i++) {
      const core = await buyer.core(noise(`other${i}`, 64 * KIB))
      const purchase = await buyer.buy(offer, [limitOf(core)])
      await purchase.channel.request('progress', { agreement: purchase.id })
    }
    const most = before + EACH * (BOUNDS.uploads.peer + 2)
    assert.ok((await settled(most)) <= most, `${await files()} open files, at first ${before}`)
  })
})
