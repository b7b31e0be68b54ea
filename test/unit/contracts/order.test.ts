import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ComputeAsk, ComputeBid, Order, SignedOrder, StorageAsk, StorageBid } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { MAX_MSAT } from '../../../contracts/money/money.js'
import {
  MAX_BODY_BYTES,
  MAX_ORDER_BYTES,
  SIDE,
  checkOrder,
  orderId,
  signOrder,
  stampStrength
} from '../../../contracts/order.js'
import type { OrderRules } from '../../../contracts/order.js'
import { DAY, GIB, HOUR } from '../../../contracts/money/quantity.js'
import { person, storageOrder } from '../../samples/people.js'
import type { Person } from '../../samples/people.js'

const NOW = 1_800_000_000_000
const BITS = 6
const market = Buffer.alloc(32, 1)
const rules: OrderRules = {
  market,
  maxRecordBytes: MAX_ORDER_BYTES,
  maxLifetime: 3 * DAY,
  stampBits: () => BITS
}
const ask: StorageAsk = { space: GIB, minTime: HOUR, maxTime: 30 * DAY, minChargeMsat: 1000n, region: 'eu' }
const bid: StorageBid = { bytes: GIB, blocks: 4096, time: 30 * DAY, copies: 3 }
const computeAsk: ComputeAsk = {
  cores: 4,
  memory: 8 * GIB,
  isolation: 'bwrap',
  fuel: 'fuel/1',
  baseMsat: 1000n,
  region: 'eu'
}
const computeBid: ComputeBid = { memory: GIB, fuel: 'fuel/1', providers: 3, maxMsat: 100_000n }

const [alice, alicesOther] = (await person(2)) as [Person, Person]
const [bob] = (await person()) as [Person]

const order = (given: Partial<Order> = {}): Order =>
  storageOrder(alice, {
    market,
    created: NOW,
    expires: NOW + DAY,
    body: encode('storage-ask', ask),
    ...given
  })

const signed = (given: Order, by: Person = alice, bits = BITS): Promise<Buffer> =>
  signOrder(given, by, { tick: NOW, bits })

function codeOf(bytes: Buffer, given: OrderRules = rules): string {
  const check = checkOrder(bytes, given)
  return check.ok ? 'OK' : check.code
}

/** The same record with this change to its order, proof or stamp. */
function changed(bytes: Buffer, change: (record: SignedOrder) => Partial<SignedOrder>): Buffer {
  const record = decode('signed-order', bytes)
  return encode('signed-order', { ...record, ...change(record) })
}

const free: OrderRules = { market, maxRecordBytes: MAX_ORDER_BYTES, maxLifetime: 3 * DAY, stampBits: () => 0 }

test('a signed order is verified with its id and as it was written', async () => {
  for (const given of [
    order(),
    order({ side: SIDE.bid, body: encode('storage-bid', bid) }),
    order({ withdrawn: true, price: 0n, revision: 2, body: Buffer.from([0]) }),
    order({ resource: 'compute', body: encode('compute-ask', computeAsk) }),
    order({ side: SIDE.bid, resource: 'compute', body: encode('compute-bid', computeBid) }),
    order({ resource: 'compute', withdrawn: true, revision: 2, body: Buffer.from([0]) })
  ]) {
    const bytes = await signed(given)
    const check = checkOrder(bytes, rules)
    assert.ok(check.ok, check.ok ? '' : check.reason)
    assert.deepEqual(check.verified.order, given)
    assert.deepEqual(check.verified.id, orderId(given))
    assert.deepEqual(check.verified.bytes, bytes)
    assert.ok(stampStrength(check.verified.signed) >= BITS)
  }
})

test('an id belongs to one market, one author and one nonce', () => {
  const id = orderId(order())
  assert.deepEqual(orderId(order({ revision: 9, price: 1n })), id)
  for (const other of [
    { market: Buffer.alloc(32, 2) },
    { identity: bob.identity },
    { nonce: Buffer.alloc(32, 8) }
  ]) {
    assert.notDeepEqual(orderId(order(other)), id)
  }
})

test('an order holds only in its market', async () => {
  const other = Buffer.alloc(32, 2)
  const bytes = await signed(order())
  assert.equal(codeOf(bytes, { ...rules, market: other }), 'OTHER_MARKET')
  const moved = changed(bytes, record => ({
    order: encode('order', { ...decode('order', record.order), market: other })
  }))
  assert.equal(codeOf(moved, { ...free, market: other }), 'FORGED')
})

test('an order with any field changed is forged', async () => {
  const bytes = await signed(order())
  const changes: Partial<Order>[] = [
    { nonce: Buffer.alloc(32, 9) },
    { revision: 2 },
    { side: SIDE.bid, body: encode('storage-bid', bid) },
    { resource: 'compute', body: encode('compute-ask', computeAsk) },
    { network: 'bitcoin' },
    { price: 1n },
    { created: NOW - 1 },
    { expires: NOW + DAY + 1 },
    { withdrawn: true },
    { identity: bob.identity },
    { device: alicesOther.device.publicKey },
    { body: encode('storage-ask', { ...ask, space: 2 * GIB }) }
  ]
  for (const change of changes) {
    const bad = changed(bytes, record => ({
      order: encode('order', { ...decode('order', record.order), ...change })
    }))
    assert.equal(codeOf(bad, free), 'FORGED', Object.keys(change).join())
  }
})

test('nobody can sign for another identity', async () => {
  const stolen = await signed(order(), { ...bob, proof: alice.proof }).catch(() => null)
  if (stolen) assert.equal(codeOf(stolen), 'FORGED')
  assert.equal(codeOf(await signed(order(), bob)), 'FORGED', 'another identity')
  assert.equal(codeOf(await signed(order(), alicesOther)), 'FORGED', 'another device of the same')
  const bytes = await signed(order())
  assert.equal(
    codeOf(
      changed(bytes, () => ({ proof: alice.proof })),
      free
    ),
    'FORGED',
    'an attestation without the data'
  )
  assert.equal(
    codeOf(
      changed(bytes, () => ({ proof: Buffer.alloc(200, 3) })),
      free
    ),
    'FORGED'
  )
  assert.equal(
    codeOf(
      changed(bytes, () => ({ proof: Buffer.alloc(0) })),
      free
    ),
    'FORGED',
    'no proof at all'
  )
})

test('values out of bounds are refused', async () => {
  const cases: Partial<Order>[] = [
    { side: 2 },
    { resource: '' },
    { resource: 'Storage' },
    { resource: 'x'.repeat(17) },
    { body: Buffer.alloc(MAX_BODY_BYTES + 1) },
    { price: 0n },
    { price: MAX_MSAT + 1n },
    { expires: NOW },
    { expires: NOW - 1 },
    { expires: NOW + 3 * DAY + 1 },
    { network: '' },
    { network: 'x'.repeat(65) }
  ]
  for (const given of cases) {
    assert.equal(codeOf(await signed(order(given))), 'OUT_OF_BOUNDS', Object.keys(given).join())
  }
  const atBounds: Partial<Order>[] = [
    { expires: NOW + 3 * DAY },
    { price: 1n },
    { price: MAX_MSAT },
    { network: 'x'.repeat(64) }
  ]
  for (const given of atBounds)
    assert.equal(codeOf(await signed(order(given))), 'OK', Object.keys(given).join())
})

test('a body is opaque to the book: any bytes up to the limit hold', async () => {
  for (const body of [Buffer.alloc(0), Buffer.from([0]), Buffer.alloc(MAX_BODY_BYTES, 7)])
    for (const resource of ['storage', 'compute', 'unheard-of'])
      assert.equal(codeOf(await signed(order({ resource, body }))), 'OK', resource)
})

test('a stamp below the market’s strength is refused, and a stamp is bound to its record', async () => {
  const strong = await signed(order(), alice, 10)
  assert.equal(codeOf(strong, { ...rules, stampBits: () => 10 }), 'OK')
  assert.equal(codeOf(strong, { ...rules, stampBits: () => 40 }), 'STAMP')
  const bits = (bytes: Buffer): number => stampStrength(decode('signed-order', bytes))
  // On another record, a stamp has the strength of chance: one in a thousand keeps ten bits, and hardly ever all four do.
  const lost = (change: (record: SignedOrder, by: number) => Partial<SignedOrder>): boolean =>
    [1, 2, 3, 4].some(by => bits(changed(strong, record => change(record, by))) < 10)
  assert.ok(
    lost(({ order }, by) => ({ order: encode('order', { ...decode('order', order), revision: 1 + by }) })),
    'another order'
  )
  assert.ok(
    lost((_, by) => ({ proof: Buffer.alloc(64, by) })),
    'another proof'
  )
  assert.ok(
    lost(({ stampTick }, by) => ({ stampTick: stampTick + by })),
    'another tick'
  )
  assert.ok(
    lost(({ stampNonce }, by) => ({ stampNonce: stampNonce + by })),
    'another nonce'
  )
  assert.ok(
    stampStrength({ order: Buffer.alloc(1), proof: Buffer.alloc(0), stampTick: 0, stampNonce: 0 }) >= 0
  )
})

test('a record is read only up to the limit of its market or of all markets', async () => {
  const bytes = await signed(order())
  assert.equal(codeOf(bytes, { ...rules, maxRecordBytes: bytes.byteLength }), 'OK')
  assert.equal(codeOf(bytes, { ...rules, maxRecordBytes: bytes.byteLength - 1 }), 'MALFORMED')
  const large = await signed(order({ withdrawn: true, body: Buffer.alloc(MAX_ORDER_BYTES) }))
  assert.equal(codeOf(large, { ...rules, maxRecordBytes: 1 << 20 }), 'MALFORMED')
})

test('hostile records are refused with a word and never throw', async () => {
  const good = await signed(order())
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (place, flip) => {
      const bytes = Buffer.from(good)
      bytes[place % bytes.byteLength]! ^= flip
      const check = checkOrder(bytes, free)
      // Some bits are not signed: those of the stamp and a count in the proof.
      if (check.ok) assert.deepEqual(check.verified.order, order())
    })
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), array =>
      assert.equal(codeOf(Buffer.from(array), free), 'MALFORMED')
    )
  )
})
