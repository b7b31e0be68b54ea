import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Lease, Order } from '#spec'
import { GIB, MIB } from '../../../contracts/money/quantity.js'
import { SIDE, orderId } from '../../../contracts/order.js'
import { nullLogger } from '../../../src/base/logger.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'
import { problemsOfLeases } from '../../../src/storage/lease/lease-sums.js'
import { Leases } from '../../../src/storage/lease/leases.js'
import { AskSpace } from '../../../src/storage/provider/ask-space.js'
import { Room } from '../../../src/storage/provider/room.js'
import { storage } from '../../../src/storage/resource.js'
import { folder } from '../../parts/folder.js'
import { storeIn } from '../../parts/store/store-in.js'
import { leaseTerms, partiesOf } from '../../samples/evidence/parties.js'
import { ask as sampleAsk, person } from '../../samples/orders.js'

const HOUR = 3_600_000
const TERMS = { minTime: HOUR, maxTime: 1000 * HOUR, minChargeMsat: 1000n, region: '' }

async function askOf(space: number): Promise<Order> {
  return {
    ...sampleAsk(await person(), Buffer.alloc(32, 1)),
    side: SIDE.ask,
    body: storage.ask.encode({ ...TERMS, space })
  }
}

async function records(t: TestContext): Promise<{
  leases: Leases
  room: Room
  problems: () => string[]
  let: (ask: Order, bytes: number) => Promise<Lease>
}> {
  const store = storeIn(await folder(t))
  await store.ready()
  t.after(() => store.close())
  const parties = partiesOf(await person(), await person())
  const leases = new Leases(store)
  const room = new Room({
    leases,
    now: () => 0,
    canReserve: () => Promise.resolve(true),
    release: () => Promise.resolve()
  })
  return {
    leases,
    room,
    problems: () => [...problemsOfLeases(store)],
    let: async (ask, bytes) => {
      const cores = [{ key: randomBytes(32), length: 0, byteLength: bytes }]
      const terms = {
        ...leaseTerms({ ...parties, nonce: randomBytes(32), countersignBy: 1, cores }),
        ask: orderId(ask)
      }
      const times = { created: 0, committed: 0, start: 0 }
      const lease: Lease = {
        ...{ role: 'provider', state: LEASE.COUNTERSIGNED, terms, signature: Buffer.alloc(64) },
        ...times
      }
      await leases.save(lease)
      const active = { ...lease, state: LEASE.ACTIVE, committed: 1 }
      await leases.save(active)
      return active
    }
  }
}

test('a second, smaller ask sells though the first has let more than it has', async t => {
  const { room, let: letUnder } = await records(t)
  const [first, second] = [await askOf(10 * GIB), await askOf(GIB)]
  await letUnder(first, 9 * GIB)
  assert.equal(await room.fault(second, { bytes: BigInt(GIB / 2), isKept: false }, null), null)
  assert.equal(
    await room.fault(second, { bytes: BigInt(2 * GIB), isKept: false }, null),
    'the space of this offer is used up'
  )
  assert.equal(
    await room.fault(first, { bytes: BigInt(2 * GIB), isKept: false }, null),
    'the space of this offer is used up'
  )
})

test('the ask on the book falls as it fills, says when it is full, and rises again', async t => {
  const { leases, room, problems, let: letUnder } = await records(t)
  const ask = await askOf(GIB)
  const id = orderId(ask)
  let told = ask
  let now = 0
  const space = new AskSpace({
    asks: () => [{ id, order: told, offered: ask.body! }],
    letUnder: one => room.letUnder(one),
    revise: (one, body) => {
      assert.ok(one.equals(id))
      told = { ...told, body }
      return Promise.resolve()
    },
    log: nullLogger,
    now: () => now
  })
  const onBook = async (): Promise<number> => {
    now += 10 * 60_000
    await space.look()
    return storage.ask.decode(told.body).space
  }
  assert.equal(await onBook(), GIB)
  const half = await letUnder(ask, GIB / 2)
  assert.equal(await onBook(), GIB / 2)
  await letUnder(ask, MIB)
  assert.equal(await onBook(), GIB / 2, 'a trifle is no revision')
  const rest = await letUnder(ask, GIB / 2 - MIB)
  assert.equal(await onBook(), 1)
  await leases.save({ ...half, state: LEASE.ENDED })
  assert.equal(await onBook(), GIB / 2)
  await leases.save({ ...rest, state: LEASE.ENDED })
  assert.equal(await onBook(), GIB - MIB)
  assert.deepEqual(problems(), [])
})

test('an ask is revised a few times an hour, however much goes in and out', async t => {
  const { room, leases, let: letUnder } = await records(t)
  const ask = await askOf(GIB)
  let revised = 0
  let now = 0
  let told = ask
  const space = new AskSpace({
    asks: () => [{ id: orderId(ask), order: told, offered: ask.body! }],
    letUnder: one => room.letUnder(one),
    revise: (_, body) => {
      revised++
      told = { ...told, body }
      return Promise.resolve()
    },
    log: nullLogger,
    now: () => now
  })
  for (let minute = 0; minute < 60; minute++, now += 60_000) {
    const lease = await letUnder(ask, GIB / 2)
    await space.look()
    await leases.save({ ...lease, state: LEASE.ENDED })
    await space.look()
  }
  assert.ok(revised > 4 && revised < 12, `${revised} revisions`)
})
