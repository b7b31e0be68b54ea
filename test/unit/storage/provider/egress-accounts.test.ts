import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { DAY } from '../../../../contracts/money/quantity.js'
import { ownerEgressOf } from '../../../../src/storage/lease/egress.js'
import { LeaseKind } from '../../../../src/storage/shelf/lease-holder.js'
import type { LeaseHolder } from '../../../../src/storage/shelf/lease-holder.js'
import { scratch } from '../../../parts/storage/wire.js'

const START = Date.UTC(2030, 0, 1)
const OWNER = Buffer.alloc(32, 7)
const CORES = [{ key: Buffer.alloc(32, 1), length: 100, byteLength: 1 << 20 }]
const SIZE = ownerEgressOf(CORES)
const READERS = 3 << 20

/** The connection to this device. */
function from(device: Buffer): Duplex {
  return Object.assign(new Duplex(), { remotePublicKey: device })
}

const [owner, reader] = [from(OWNER), from(Buffer.alloc(32, 8))]

/** A lease on disk, at a time that the test sets. */
async function leaseOf(t: TestContext) {
  const clock = { now: START }
  const folder = await scratch(t)
  const kind = new LeaseKind(folder, () => clock.now)
  const lease = kind.make({ id: 'lease', cores: CORES, egressBytes: READERS, owner: OWNER })
  const again = async (): Promise<LeaseHolder> => {
    await kind.read()
    await lease.save()
    return (await kind.read()).holders[0]!
  }
  return { clock, lease, again }
}

test('readers use up nothing of what the owner may fetch, however much they fetch', async t => {
  const { lease, again } = await leaseOf(t)
  assert.deepEqual([lease.egressLeft(reader), lease.egressLeft(owner)], [READERS, READERS + SIZE])
  lease.charge(READERS + 1000, reader)
  lease.charge(1000, null)
  assert.deepEqual([lease.egressLeft(reader), lease.egressLeft(null), lease.egressLeft(owner)], [0, 0, SIZE])
  assert.deepEqual(lease.accounts, { readers: READERS, owner: 0 }, 'no more is claimed than was agreed')
  assert.equal((await again()).egressLeft(owner), SIZE)
})

test('the owner fetches on its own account, and then on that of its readers', async t => {
  const { lease, again } = await leaseOf(t)
  lease.charge(SIZE - 1, owner)
  assert.deepEqual([lease.egressLeft(reader), lease.egressLeft(owner)], [READERS, READERS + 1])
  lease.charge(1000, owner)
  assert.deepEqual(lease.accounts, { readers: 0, owner: SIZE })
  lease.charge(1000, owner)
  assert.deepEqual(lease.accounts, { readers: 1000, owner: SIZE })
  const kept = await again()
  assert.deepEqual([kept.accounts, kept.egressLeft(owner)], [lease.accounts, READERS - 1000])
})

test("the owner's account is refilled 90 days after its first use, that of readers is not", async t => {
  const { clock, lease, again } = await leaseOf(t)
  lease.charge(READERS, reader)
  clock.now = START + 10 * DAY
  lease.charge(SIZE, owner)
  clock.now = START + 100 * DAY - 1
  assert.equal((await again()).egressLeft(owner), 0)
  clock.now = START + 100 * DAY
  assert.equal((await again()).egressLeft(owner), SIZE)
  lease.charge(1000, owner)
  assert.deepEqual(lease.accounts, { readers: READERS, owner: 1000 })
  assert.equal(lease.egressLeft(reader), 0)
  assert.equal((await again()).ownerUsed, SIZE + 1000, 'what was served is counted on')
})

test('a clock that was ahead keeps the owner from a refill for no longer than 90 days', async t => {
  const { clock, lease } = await leaseOf(t)
  clock.now = START + 1000 * DAY
  lease.charge(1000, owner)
  clock.now = START
  lease.charge(SIZE, owner)
  assert.equal(lease.accounts.owner, SIZE)
  clock.now = START + 90 * DAY
  assert.equal(lease.accounts.owner, 0)
})

test('a lease whose file has a time with a fraction is read', async t => {
  const { clock, lease, again } = await leaseOf(t)
  clock.now += 0.703
  lease.charge(1000, owner)
  assert.deepEqual((await again()).accounts, { readers: 0, owner: 1000 })
})
