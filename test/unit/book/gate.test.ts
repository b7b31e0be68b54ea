import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import crypto from 'hypercore-crypto'
import IdentityKey from 'keet-identity-key'
import type { Order } from '#spec'
import { DAY, HOUR } from '../../../contracts/money/quantity.js'
import { stampStrength } from '../../../contracts/order.js'
import { decode } from '../../../contracts/schema/codec.js'
import type { Rate } from '../../../src/base/token-bucket.js'
import { Gate } from '../../../src/book/relay/gate.js'
import { readState } from '../../../src/book/view/listing.js'
import type { ViewState } from '../../../src/book/view/listing.js'
import { encodeOperation } from '../../../src/book/view/operation.js'
import { SLOTS_PER_LIVE, fullnessBits } from '../../../src/book/view/rules.js'
import { ask, person, revised, signed, withdrawn } from '../../samples/orders.js'
import type { Person } from '../../samples/orders.js'
import { Views, lenient } from '../../parts/book/view.js'
import type { TestView } from '../../parts/book/view.js'

const views = await Views.open()
const market = crypto.randomBytes(32)
const start = Date.now()

after(() => views.close())

/** A relay's gate in front of a view that the test writes. */
class RelayGate {
  readonly view: TestView
  readonly gate: Gate
  /** Looks at the view so far. */
  reads = 0
  #state!: ViewState

  private constructor(view: TestView, records?: Rate) {
    this.view = view
    this.gate = new Gate({
      market,
      view: () => (this.reads++, view.bee),
      state: () => this.#state,
      now: () => start,
      ...(records ? { records } : {})
    })
  }

  static async make(override?: Record<string, number>, records?: Rate): Promise<RelayGate> {
    const relay = new RelayGate(await views.make(market), records)
    await relay.view.begin(lenient(override), start)
    await relay.refresh()
    return relay
  }

  async refresh(): Promise<void> {
    this.#state = await readState(this.view.bee)
  }

  async code(record: Buffer): Promise<string> {
    return (await this.gate.judge(record)).code
  }

  /** Accepts a record and writes it into the view. */
  async take(record: Buffer): Promise<string> {
    const verdict = await this.gate.judge(record)
    if (verdict.record) {
      await this.view.orders(record)
      await this.refresh()
      this.gate.passed(verdict.record)
    }
    return verdict.code
  }
}

const weak = { stampFor: () => ({ tick: start, bits: 0 }) }
const make = async (author: Person, values: Partial<Order> = {}): Promise<Buffer> =>
  await signed(author, ask(author, market, values), weak)

const strengthOf = (record: Buffer): number => stampStrength(decode('signed-order', record))

test('a relay refuses each kind of invalid record with the word for it', async () => {
  const [author, thief, outcast] = [await person(), await person(), await person()]
  const relay = await RelayGate.make({ maxRecordBytes: 700, maxLifetime: 2 * DAY })
  const good = await make(author)
  const forged = Buffer.from(good)
  forged[forged.length - 40]! ^= 1
  assert.equal(await relay.code(crypto.randomBytes(701)), 'OVERSIZED')
  assert.equal(await relay.code(crypto.randomBytes(400)), 'MALFORMED')
  assert.equal(await relay.code(Buffer.alloc(0)), 'MALFORMED')
  assert.equal(await relay.code(await make(author, { market: crypto.randomBytes(32) })), 'OTHER_MARKET')
  assert.equal(await relay.code(await make(author, { expires: start + 3 * DAY })), 'OUT_OF_BOUNDS')
  assert.equal(await relay.code(await make(author, { created: start - HOUR, expires: start - 1 })), 'EXPIRED')
  const later = start + 20 * 60_000
  assert.equal(await relay.code(await make(author, { created: later, expires: later + HOUR })), 'NOT_YET')
  assert.equal(await relay.code(await make(author, { identity: thief.identity })), 'FORGED')
  assert.equal(await relay.code(forged), 'FORGED')
  for (const tick of [start - 2 * HOUR, start + 2 * HOUR]) {
    const order = ask(author, market)
    assert.equal(
      await relay.code(await signed(author, order, { stampFor: () => ({ tick, bits: 0 }) })),
      'OLD_STAMP'
    )
  }
  await relay.view.say(encodeOperation('ban', { key: outcast.device.publicKey }))
  assert.equal(await relay.code(await make(outcast)), 'BANNED')
  assert.equal((await readState(relay.view.bee)).count.slots, 0)
  assert.equal(await relay.code(good), 'OK')
})

test('submitting the same bytes again changes nothing, and an old revision is refused', async () => {
  const author = await person()
  const relay = await RelayGate.make()
  const order = ask(author, market)
  const first = await signed(author, order, weak)
  const second = await signed(author, revised(order), weak)
  assert.equal(await relay.take(first), 'OK')
  assert.equal(await relay.take(first), 'REPEATED')
  assert.equal(await relay.take(second), 'OK')
  assert.equal(await relay.take(first), 'OLD_REVISION')
  assert.equal(await relay.take(await signed(author, revised(order, { price: 1n }), weak)), 'OLD_REVISION')
  assert.equal(await relay.take(await signed(author, withdrawn(revised(order)), weak)), 'OK')
  assert.equal(await relay.take(second), 'OLD_REVISION')
})

test('an author has a bounded number of live orders, counted on arrival, and a withdrawal makes room', async () => {
  const [author, other] = [await person(), await person()]
  const relay = await RelayGate.make({ maxOrdersPerIdentity: 2 })
  const orders = [ask(author, market), ask(author, market)]
  const records = await Promise.all(orders.map(order => signed(author, order, weak)))
  const third = await make(author)
  const at = await Promise.all([...records, third].map(record => relay.gate.judge(record)))
  assert.deepEqual(
    at.map(({ code }) => code),
    ['OK', 'OK', 'QUOTA'],
    'two that are not in the view yet count'
  )
  await relay.view.orders(...records)
  await relay.refresh()
  for (const { record } of at) if (record) relay.gate.passed(record)
  assert.equal(await relay.code(third), 'QUOTA')
  assert.equal(
    await relay.take(await signed(author, revised(orders[0]!), weak)),
    'OK',
    'a revision is no new order'
  )
  assert.equal(await relay.take(await make(other)), 'OK')
  assert.equal(await relay.take(await signed(author, withdrawn(revised(orders[0]!)), weak)), 'OK')
  assert.equal(await relay.take(third), 'OK')
  const back = revised(withdrawn(revised(orders[0]!)), { withdrawn: false, body: orders[0]!.body })
  assert.equal(await relay.take(await signed(author, back, weak)), 'QUOTA')
  for (let held = 3; held < 2 * SLOTS_PER_LIVE; held++) {
    assert.equal(await relay.take(await signed(author, withdrawn(ask(author, market)), weak)), 'OK')
  }
  assert.equal(await relay.take(await signed(author, withdrawn(ask(author, market)), weak)), 'QUOTA')
})

test('a filling market demands stronger stamps, and a full market refuses orders', async () => {
  const relay = await RelayGate.make({ maxOrders: 8, stampBits: 4 })
  const rules = lenient({ maxOrders: 8, stampBits: 4 })
  assert.deepEqual(
    [0, 3, 4, 6, 7, 8].map(held => fullnessBits(rules, held)),
    [0, 0, 1, 2, 3, 3]
  )
  const author = await person()
  const stamped = (bits: number) => ({ stampFor: () => ({ tick: start, bits }) })
  for (let held = 0; held < 8; held++) {
    assert.equal(await relay.take(await signed(author, ask(author, market), stamped(7))), 'OK')
  }
  assert.equal(await relay.take(await signed(author, ask(author, market), stamped(9))), 'FULL')
  const empty = await RelayGate.make({ stampBits: 14 })
  assert.equal(await empty.code(await make(author)), 'STAMP')
})

test('a relay reads its view and verifies only for a record with a right stamp, and then a fixed number of times', async t => {
  const author = await person()
  const many = async (make: () => Promise<Buffer>): Promise<Buffer[]> =>
    await Promise.all(Array.from({ length: 10 }, make))
  const cases = {
    malformed: {
      reads: 0,
      verifications: 0,
      stampBits: 4,
      records: await many(async () => crypto.randomBytes(500))
    },
    unstamped: { reads: 0, verifications: 0, stampBits: 24, records: await many(() => make(author)) },
    forged: {
      reads: 4,
      verifications: 1,
      stampBits: 0,
      records: await many(() => make(author, { identity: crypto.randomBytes(32) }))
    }
  }
  for (const [kind, { reads, verifications, stampBits, records }] of Object.entries(cases)) {
    const relay = await RelayGate.make({ stampBits })
    const signatures = t.mock.method(crypto, 'verify')
    const attestations = t.mock.method(IdentityKey, 'verify')
    const read = t.mock.method(relay.view.bee, 'peek')
    for (const record of records) assert.notEqual(await relay.code(record), 'OK')
    const verified = signatures.mock.callCount() + attestations.mock.callCount()
    assert.equal(verified, verifications * records.length, kind)
    assert.equal(read.mock.callCount(), reads * records.length, kind)
    signatures.mock.restore()
    attestations.mock.restore()
    read.mock.restore()
  }
})

test('a relay takes a dozen revisions of an order an hour, refuses more unread, and always takes a withdrawal', async () => {
  const relay = await RelayGate.make()
  const author = await person()
  let order = ask(author, market)
  const next = async (values: Partial<Order> = {}): Promise<string> => {
    order = revised(order, values)
    return await relay.take(await signed(author, order, weak))
  }
  assert.equal(await relay.take(await signed(author, order, weak)), 'OK')
  for (let i = 0; i < 12; i++) assert.equal(await next(), 'OK')
  const reads = relay.reads
  assert.equal(await next(), 'REVISIONS')
  assert.equal(relay.reads, reads, 'nothing was read for it')
  order = { ...order, revision: order.revision - 1 }
  const thief = await person()
  const forged = await signed(thief, { ...revised(order), identity: author.identity }, weak)
  assert.equal(await relay.code(forged), 'REVISIONS')
  assert.equal(await next({ withdrawn: true, body: Buffer.of(0) }), 'OK')
  assert.equal(await next({ withdrawn: true, body: Buffer.of(0) }), 'REVISIONS')
  const other = ask(author, market)
  assert.equal(await relay.take(await signed(author, other, weak)), 'OK', 'other orders are not touched')
  assert.equal(await relay.take(await signed(author, revised(other), weak)), 'OK')
})

test('forged revisions use up nothing of the author they name', async () => {
  const relay = await RelayGate.make()
  const [author, thief] = [await person(), await person()]
  const order = ask(author, market)
  assert.equal(await relay.take(await signed(author, order, weak)), 'OK')
  for (let i = 0; i < 20; i++)
    assert.equal(await relay.code(await signed(thief, revised(order), weak)), 'FORGED')
  assert.equal(await relay.take(await signed(author, revised(order), weak)), 'OK')
})

test('the stamp of a revision costs more than that of a new order', async () => {
  const relay = await RelayGate.make({ stampBits: 4 })
  const author = await person()
  const order = ask(author, market)
  const stamped = (one: Order, bits: number) =>
    signed(author, one, { stampFor: () => ({ tick: start, bits }) })
  assert.equal(await relay.take(await stamped(order, 4)), 'OK')
  let weakest = await stamped(revised(order), 4)
  for (let revision = 3; strengthOf(weakest) >= 6; revision++)
    weakest = await stamped({ ...order, revision }, 4)
  assert.equal(await relay.code(weakest), 'STAMP')
  assert.equal(await relay.take(await stamped({ ...order, revision: 99 }, 6)), 'OK')
})

test('the more orders a relay was given, the stronger their stamps, until it takes none', async () => {
  const relay = await RelayGate.make({ stampBits: 2 }, { burst: 8, perSecond: 0 })
  const author = await person()
  const stamped = (bits: number, order = ask(author, market)): Promise<Buffer> =>
    signed(author, order, { stampFor: () => ({ tick: start, bits }) })
  const kept = ask(author, market)
  assert.equal(await relay.take(await stamped(2, kept)), 'OK')
  for (let i = 1; i < 7; i++) assert.equal(await relay.take(await stamped(5)), 'OK')
  let weak = await stamped(2)
  while (strengthOf(weak) > 4) weak = await stamped(2)
  assert.equal(await relay.take(weak), 'STAMP')
  assert.equal(await relay.take(await stamped(5)), 'OK')
  assert.equal(await relay.take(await stamped(12)), 'BUSY')
  assert.equal(await relay.take(await stamped(4, withdrawn(kept))), 'OK', 'what is on the book may go')
})
