import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SignedTakeover } from '#spec'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import type { Leases } from '../../../../src/storage/lease/leases.js'
import { MOST_TAKEOVERS } from '../../../../src/storage/takeover/takeovers.js'
import type { Store } from '../../../../src/store/store.js'
import { Owner, provider } from '../../../parts/storage/taken.js'

/** Accepts a takeover, or says why not. */
async function accept(store: Store, leases: Leases, signed: SignedTakeover): Promise<string | null> {
  const { takeovers } = leases
  const fault = takeovers.faultOf(signed, (identity, device) => leases.hasPaid(identity, device))
  if (fault === null) await store.set(takeovers.change(signed))
  return fault
}

test('the buyer of a lease is the last of the devices that took over one after the other', async t => {
  const { store, leases, sold } = await provider(t)
  const owner = await Owner.make()
  const [a, b, c, d] = [
    await owner.device(),
    await owner.device(),
    await owner.device(),
    await owner.device()
  ]
  const lease = await sold(a)
  const buyer = (): Buffer => leases.buyerOf(lease.terms).device!
  assert.ok(buyer().equals(a.device.publicKey))
  // Nobody can take over what a device never had.
  assert.equal(await accept(store, leases, owner.takeover(b, c, 5)), 'unknown')

  const first = owner.takeover(a, b, 1)
  assert.equal(await accept(store, leases, first), null)
  assert.ok(buyer().equals(b.device.publicKey))
  assert.equal(await accept(store, leases, owner.takeover(b, c, 2)), null)
  assert.ok(buyer().equals(c.device.publicKey))
  assert.ok(leases.buyerOf(lease.terms).lightning!.equals(owner.takeover(b, c, 2).takeover.lightning!))
  assert.deepEqual(
    leases.takeovers.buyersOf(lease.terms).map(device => device.toString('hex')),
    [a, b, c].map(({ device }) => device.publicKey.toString('hex'))
  )
  // What was accepted is accepted again, and changes nothing; another one with its number is not.
  assert.equal(await accept(store, leases, first), null)
  assert.equal(await accept(store, leases, owner.takeover(a, d, 1)), 'other')
  assert.equal(await accept(store, leases, owner.takeover(a, d, 0)), 'later')
  // A device that was left is never the owner again.
  for (const to of [a, b]) assert.equal(await accept(store, leases, owner.takeover(c, to, 9)), 'left')
  assert.ok(buyer().equals(c.device.publicKey))

  // The first file was kept and is used again: the highest number counts.
  assert.equal(await accept(store, leases, owner.takeover(a, d, 7)), null)
  assert.ok(buyer().equals(d.device.publicKey))
})

test('the leases with a device are those that came to it, and not those that it gave away', async t => {
  const { store, leases, sold } = await provider(t)
  const owner = await Owner.make()
  const [a, b] = [await owner.device(), await owner.device()]
  const other = await (await Owner.make()).device()
  await sold(a)
  await sold(b)
  await sold(other)
  const count = (of: typeof a): number => [...leases.with(of.device.publicKey)].length
  assert.deepEqual([count(a), count(b), count(other)], [1, 1, 1])
  await accept(store, leases, owner.takeover(a, b, 1))
  assert.deepEqual([count(a), count(b), count(other)], [0, 2, 1])
  assert.equal(leases.dealings(a.device.publicKey), null)
  assert.equal(leases.dealings(b.device.publicKey), 'pays')
  for (const { lease } of [...leases.with(b.device.publicKey)])
    await leases.save({ ...lease, state: LEASE.ENDED })
  assert.deepEqual([count(a), count(b)], [0, 0])
  assert.equal(leases.dealings(b.device.publicKey), 'has paid')
})

test('a takeover that its provider hears of last counts too', async t => {
  const { store, leases, sold } = await provider(t)
  const owner = await Owner.make()
  const [a, b, c] = [await owner.device(), await owner.device(), await owner.device()]
  const lease = await sold(a)
  await sold(b)
  assert.equal(await accept(store, leases, owner.takeover(b, c, 2)), null)
  assert.equal(await accept(store, leases, owner.takeover(a, b, 1)), null)
  assert.ok(leases.buyerOf(lease.terms).device!.equals(c.device.publicKey))
})

test('what other identities sign to a device hides nothing of its own', async t => {
  const { store, leases, sold } = await provider(t)
  const owner = await Owner.make()
  const [a, b, c] = [await owner.device(), await owner.device(), await owner.device()]
  await sold(a)
  await accept(store, leases, owner.takeover(a, b, 1))
  await accept(store, leases, owner.takeover(b, c, 2))
  const other = await Owner.make()
  for (let i = 0; i < MOST_TAKEOVERS; i++) {
    const device = await other.device()
    await sold(device)
    assert.equal(await accept(store, leases, other.takeover(device, c, 1)), null)
  }
  const own = [...leases.with(c.device.publicKey)].filter(({ lease }) =>
    lease.terms.buyer.device!.equals(a.device.publicKey)
  )
  assert.equal(own.length, 1)
})

test('only an identity that has paid leaves rows, and of each only so many', async t => {
  const { store, leases, sold } = await provider(t)
  const owner = await Owner.make()
  const first = await owner.device()
  await sold(first, { committed: 0 })
  assert.equal(await accept(store, leases, owner.takeover(first, await owner.device(), 1)), 'unknown')
  await sold(first)
  // Another identity cannot move the leases of this one, whatever it signs.
  const thief = await Owner.make()
  assert.equal(await accept(store, leases, thief.takeover(first, await thief.device(), 1)), 'unknown')
  let from = first
  for (let i = 0; i < MOST_TAKEOVERS; i++) {
    const to = await owner.device()
    assert.equal(await accept(store, leases, owner.takeover(from, to, i + 1)), null)
    from = to
  }
  assert.equal(await accept(store, leases, owner.takeover(from, await owner.device(), 99)), 'many')
  // One that replaces another needs no further row.
  const last = await owner.device()
  assert.equal(await accept(store, leases, owner.takeover(first, last, 100)), null)
  assert.deepEqual([...store.check()], [])
})
