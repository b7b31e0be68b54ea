import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import crypto from 'hypercore-crypto'
import type { Order } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { orderId, stampStrength } from '../../../contracts/order.js'
import { DAY, HOUR } from '../../../contracts/money/quantity.js'
import { EXPIRED_PER_TICK } from '../../../src/book/view/apply.js'
import { COUNT, TICK, allRelays, banKey, bookRange, orderKey, slotsOf } from '../../../src/book/view/keys.js'
import { readState } from '../../../src/book/view/listing.js'
import { MAX_OPERATION_BYTES, encodeOperation } from '../../../src/book/view/operation.js'
import { SLOTS_PER_LIVE } from '../../../src/book/view/rules.js'
import { GIB_MONTH, NETWORK, ask, bid, person, revised, signed, withdrawn } from '../../samples/orders.js'
import type { Person } from '../../samples/orders.js'
import { Views, lenient, unstamped } from '../../parts/book/view.js'
import type { TestView } from '../../parts/book/view.js'
import { rowAt } from '../../../src/book/view/database.js'

const views = await Views.open()
const market = crypto.randomBytes(32)
const start = Date.now()

after(() => views.close())

async function begun(override?: Record<string, number>): Promise<TestView> {
  const view = await views.make(market)
  await view.begin(lenient(override), start)
  return view
}

async function listed(view: TestView, side: 'ask' | 'bid' = 'ask'): Promise<Buffer[]> {
  const found: Buffer[] = []
  for await (const { value } of view.bee.createReadStream(bookRange(side, 'storage', NETWORK)))
    found.push(value)
  return found
}

interface Drawn {
  id: string
  identity: string
  order: Order
  bytes: Buffer
}

/** The expected view of these records in any order, computed independently from the rules. */
function expected(
  drawn: Drawn[],
  perIdentity: number,
  inAll: number
): { slots: Set<string>; listed: Set<string> } {
  const best = new Map<string, Drawn>()
  for (const record of drawn) {
    const known = best.get(record.id)
    const newer = known
      ? record.order.revision - known.order.revision || record.bytes.compare(known.bytes)
      : 1
    if (newer > 0) best.set(record.id, record)
  }
  const byId = [...best.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  const count = new Map<string, number>()
  const next = (key: string): number => {
    count.set(key, (count.get(key) ?? 0) + 1)
    return count.get(key)!
  }
  const kept = byId.filter(record => next(record.identity) <= perIdentity * SLOTS_PER_LIVE).slice(0, inAll)
  const live = kept.filter(
    record => !record.order.withdrawn && next(`live ${record.identity}`) <= perIdentity
  )
  const hex = (records: Drawn[]): Set<string> => new Set(records.map(({ bytes }) => bytes.toString('hex')))
  return { slots: hex(kept), listed: hex(live) }
}

test('apply gives the same view for every order of arrival, even at the caps', async () => {
  const people = [await person(), await person()]
  const pool: Drawn[] = []
  for (const author of people) {
    for (let i = 0; i < 9; i++) {
      const nonce = crypto.randomBytes(32)
      for (let j = 0; j < 4; j++) {
        const values = {
          nonce,
          revision: 1 + (j % 3),
          withdrawn: j > 0 && (i + j) % 3 === 0,
          price: BigInt(1 + ((i * j) % 5)) * GIB_MONTH,
          expires: start + DAY + j * HOUR
        }
        const order = (i % 2 ? ask : bid)(author, market, values)
        const bytes = await signed(author, order, unstamped)
        pool.push({
          id: orderId(order).toString('hex'),
          identity: author.identity.toString('hex'),
          order,
          bytes
        })
      }
    }
  }
  const perIdentity = 2
  const inAll = 13
  const permutation = fc
    .shuffledSubarray(pool, { minLength: 12, maxLength: 60 })
    .chain(records =>
      fc.tuple(fc.constant(records), fc.shuffledSubarray(records, { minLength: records.length }))
    )
  await fc.assert(
    fc.asyncProperty(permutation, fc.integer({ min: 1, max: 7 }), async ([one, other], size) => {
      const rules = lenient({ maxOrdersPerIdentity: perIdentity, maxOrders: inAll })
      const [a, b] = [await views.make(market), await views.make(market)]
      await a.begin(rules, start)
      await b.begin(rules, start)
      for (const { bytes } of one) await a.orders(bytes)
      for (let i = 0; i < other.length; i += size) {
        await b.orders(...other.slice(i, i + size).map(({ bytes }) => bytes), other[0]!.bytes)
      }
      assert.deepEqual(await a.content(), await b.content())
      const model = expected(one, perIdentity, inAll)
      const shown = [...(await listed(a, 'ask')), ...(await listed(a, 'bid'))].map(bytes =>
        bytes.toString('hex')
      )
      assert.deepEqual(new Set(shown), model.listed)
      const slots = await Promise.all(one.map(({ id }) => rowAt(a.bee, orderKey(Buffer.from(id, 'hex')))))
      const held = slots.flatMap(entry => (entry ? [entry.value.toString('hex')] : []))
      assert.deepEqual(new Set(held), model.slots)
      assert.equal((await readState(a.bee)).count.slots, model.slots.size)
    }),
    { numRuns: 15 }
  )
})

test('the highest revision wins, and a withdrawn order stays away until it has expired plus a margin', async () => {
  const author = await person()
  const view = await begun({ tombstoneMargin: HOUR })
  const order = ask(author, market, { created: start, expires: start + 3 * HOUR })
  const first = await signed(author, order, unstamped)
  const second = await signed(author, revised(order, { price: 7n }), unstamped)
  const last = await signed(author, withdrawn(revised(order)), unstamped)
  await view.orders(second)
  await view.orders(first)
  assert.deepEqual(await listed(view), [second])
  await view.orders(last)
  await view.orders(first, second)
  assert.deepEqual(await listed(view), [])
  for (const hours of [1, 2, 3, 3.5]) {
    await view.tick(start + hours * HOUR)
    await view.orders(first, second)
    assert.deepEqual(await listed(view), [], `${hours} hours later`)
    assert.ok(await rowAt(view.bee, orderKey(orderId(order))), 'its tombstone stands')
  }
  await view.tick(start + 4 * HOUR)
  assert.equal(await rowAt(view.bee, orderKey(orderId(order))), null)
  assert.equal(await rowAt(view.bee, COUNT), null)
  await view.orders(first, second, last)
  assert.equal(await rowAt(view.bee, orderKey(orderId(order))), null, 'and over is over')
})

test('a withdrawal that expires before its order still keeps the order out of the view', async () => {
  const author = await person()
  const view = await begun({ tombstoneMargin: 0 })
  const order = ask(author, market, { created: start, expires: start + 3 * HOUR })
  const first = await signed(author, order, unstamped)
  await view.orders(first, await signed(author, { ...withdrawn(order), expires: start + 1000 }, unstamped))
  await view.tick(start + HOUR)
  await view.orders(first)
  assert.deepEqual(await listed(view), [])
})

test('market time advances at most an hour a tick, never goes back, and a tick removes at most 500 expired orders', async () => {
  const view = await begun({ maxOrdersPerIdentity: 1000 })
  const tick = async (): Promise<number> => (await readState(view.bee)).tick
  await view.tick(start + HOUR + 1)
  assert.equal(await tick(), start)
  await view.tick(start - 1)
  assert.equal(await tick(), start)
  await view.tick(start + HOUR)
  assert.equal(await tick(), start + HOUR)

  const author = await person()
  const records: Buffer[] = []
  for (let i = 0; i < EXPIRED_PER_TICK + 20; i++) {
    const order = ask(author, market, { created: start, expires: start + HOUR + 1 })
    records.push(await signed(author, order, unstamped))
  }
  for (let i = 0; i < records.length; i += 100) await view.orders(...records.slice(i, i + 100))
  assert.equal((await readState(view.bee)).count.live, records.length)
  await view.tick(start + 2 * HOUR)
  assert.equal((await readState(view.bee)).count.live, 20)
  await view.tick(start + 2 * HOUR + 1)
  assert.equal((await readState(view.bee)).count.slots, 0)
  const left: unknown[] = []
  for await (const entry of view.bee.createReadStream(slotsOf(author.identity))) left.push(entry)
  assert.deepEqual(left, [])
})

test('only administration records of the founder count', async () => {
  const stranger = crypto.randomBytes(32)
  const device = crypto.randomBytes(32)
  const writer = crypto.randomBytes(32)
  const view = await views.make(market)
  const rules = lenient()
  await view.from(stranger, encodeOperation('rules', rules), encodeOperation('tick', { time: start }))
  assert.deepEqual(await view.content(), [])
  await view.begin(rules, start)
  const before = await view.content()
  await view.from(
    stranger,
    encodeOperation('rules', { ...rules, name: 'mine' }),
    encodeOperation('tick', { time: start + 1 }),
    encodeOperation('admission', { device, writer, indexer: true }),
    encodeOperation('admission', { device, writer, indexer: false }),
    encodeOperation('ban', { key: rules.founder })
  )
  assert.deepEqual(await view.content(), before)
  assert.equal(view.writers.size, 0)

  await view.say(
    encodeOperation('rules', { ...rules, name: 'again' }),
    encodeOperation('ban', { key: rules.founder }),
    encodeOperation('ban', { key: market }),
    encodeOperation('admission', { device, writer, indexer: true }),
    encodeOperation('admission', { device, writer: market, indexer: false })
  )
  assert.deepEqual(await view.content(), before, 'nor may the founder change the rules or undo itself')
})

test('a relay has one writer, and a banned relay cannot write and is not admitted again', async () => {
  const view = await begun()
  const [device, other, first, second] = [1, 2, 3, 4].map(() => crypto.randomBytes(32)) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer
  ]
  const admit = (who: Buffer, writer: Buffer): Buffer =>
    encodeOperation('admission', { device: who, writer, indexer: false })
  await view.say(admit(device, first))
  assert.deepEqual([...view.writers], [first.toString('hex')])
  await view.say(admit(other, first))
  assert.equal((await readState(view.bee)).relays.size, 1, 'a writer is one device’s')
  await view.say(admit(device, second))
  assert.deepEqual([...view.writers], [second.toString('hex')])
  await view.say(encodeOperation('ban', { key: second }), admit(device, second))
  assert.equal(view.writers.size, 0)
  await view.say(encodeOperation('ban', { key: device }), admit(device, first))
  assert.equal(view.writers.size, 0)
  for await (const entry of view.bee.createReadStream(allRelays()))
    assert.fail(`still there: ${String(entry.key)}`)
  assert.ok(await rowAt(view.bee, banKey(device)))
})

test('forged, oversized, expired, foreign-market and banned-author records never enter the view', async () => {
  const [author, thief, outcast] = [await person(), await person(), await person()]
  const view = await begun({ maxRecordBytes: 700, stampBits: 6, maxLifetime: DAY })
  await view.say(encodeOperation('ban', { key: outcast.identity }))
  const before = await view.content()
  const stamped = { stampFor: () => ({ tick: start, bits: 6 }) }
  const make = async (who: Person, values: Partial<Order>, where = market): Promise<Buffer> =>
    await signed(who, ask(who, where, { created: start, expires: start + HOUR, ...values }), stamped)
  const good = await make(author, {})
  const flipped = Buffer.from(good)
  flipped[flipped.length - 40]! ^= 1
  await view.orders(
    flipped,
    good.subarray(1),
    Buffer.concat([good, Buffer.of(0)]),
    Buffer.alloc(0),
    crypto.randomBytes(300),
    await make(author, { identity: thief.identity }),
    await make(author, { device: thief.device.publicKey }),
    await make(author, { body: Buffer.alloc(1025) }),
    await make(author, { resource: 'No name', body: Buffer.alloc(60) }),
    await make(author, { price: 0n }),
    await make(author, { side: 2 }),
    await make(author, { created: start - 2 * HOUR, expires: start }),
    await make(author, { expires: start + DAY + 1 }),
    await make(author, { created: start + 3 * DAY, expires: start + 3 * DAY + HOUR }),
    await make(author, {}, crypto.randomBytes(32)),
    await make(outcast, {}),
    await weaklyStamped(author, 6)
  )
  assert.deepEqual(await view.content(), before)
  await view.orders(good)
  assert.deepEqual(await listed(view), [good])
})

/** A record that is valid except for its stamp, which is too weak. */
async function weaklyStamped(author: Person, bits: number): Promise<Buffer> {
  for (;;) {
    const record = await signed(
      author,
      ask(author, market, { created: start, expires: start + HOUR }),
      unstamped
    )
    if (stampStrength(decode('signed-order', record)) < bits) return record
  }
}

test('no input bytes make apply throw', async () => {
  const view = await begun()
  const before = await view.content()
  const shells = [0, 1, 2, 3, 4, 5, 2 ** 40]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...shells), fc.uint8Array({ maxLength: 200 }), async (type, bytes) => {
      const body = Buffer.from(bytes)
      const inner = encode('order-batch', { orders: [body, body] })
      await view.from(crypto.randomBytes(32), body, encode('market-operation', { type, body }))
      await view.say(body, encode('market-operation', { type: 4, body: inner }))
    }),
    { numRuns: 100 }
  )
  await view.say(encode('market-operation', { type: 1, body: encode('tick', { time: 2 ** 53 - 1 }) }))
  await view.say(Buffer.alloc(MAX_OPERATION_BYTES + 1))
  assert.deepEqual(await view.content(), before)
  assert.ok(await rowAt(view.bee, TICK))
})
