import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DAY } from '../../../contracts/money/quantity.js'
import { stampStrength } from '../../../contracts/order.js'
import { decode } from '../../../contracts/schema/codec.js'
import { nullLogger } from '../../../src/base/logger.js'
import { refusal } from '../../../src/book/refusal.js'
import { StandingOrders } from '../../../src/deal/orders/standing-orders.js'
import { storeIn } from '../../parts/store/store-in.js'
import { ask, person } from '../../samples/orders.js'

test('an order gets a stronger stamp when a relay asks for more than the book tells', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-orders-'))
  const store = storeIn(dir)
  await store.ready()
  t.after(async () => {
    await store.close()
    await rm(dir, { recursive: true, force: true })
  })
  const self = { ...(await person()), lightning: Buffer.alloc(33), network: 'play' }
  let needed = 8
  const strengths: number[] = []
  const orders = new StandingOrders({
    self,
    store,
    log: nullLogger,
    market: () => ({
      rules: null,
      relays: 1,
      inStep: () => Promise.resolve(true),
      get: () => Promise.resolve(null),
      standing: () => Promise.resolve(null),
      stampFor: () => ({ tick: Date.now(), bits: 2 }),
      submit: record => {
        const strength = stampStrength(decode('signed-order', record))
        strengths.push(strength)
        if (strength >= needed) return Promise.resolve({ inBook: true, asked: 1, accepted: 1, refusal: null })
        return Promise.reject(refusal({ code: 'STAMP', reason: 'its stamp is too weak' }))
      }
    })
  })
  const { side, resource, price, body } = ask(self, Buffer.alloc(32, 1))
  const order = { market: Buffer.alloc(32, 1), side, resource, price, body: body!, lifetime: DAY }
  await orders.publish(order)
  assert.ok(strengths.at(-1)! >= 8)

  needed = 60
  strengths.length = 0
  await assert.rejects(orders.publish(order), { code: 'ORDER_REFUSED' })
  assert.equal(strengths.length, 6, 'its work has an end')
})
