import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Lease, MirrorJob, Terms } from '#spec'
import { DAY } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import type { Logger } from '../../../../src/base/logger.js'
import { nullLogger } from '../../../../src/base/logger.js'
import { MIRROR } from '../../../../src/storage/buyer/mirror-state.js'
import { Mirrors } from '../../../../src/storage/buyer/mirrors.js'
import type { MirrorsOptions } from '../../../../src/storage/buyer/mirrors.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { mirrorTable } from '../../../../src/storage/tables.js'
import { change } from '../../../../src/store/change.js'
import { leaseTerms, partiesOf } from '../../../samples/evidence/parties.js'
import { NOW, Owner, provider } from '../../../parts/storage/taken.js'

/** An imported mirror of two copies, and the extension of each by the device before. */
async function imported(t: TestContext) {
  const { store, leases, self } = await provider(t)
  const laptop = await (await Owner.make()).device()
  const leaseOf = (n: number, given: Partial<Lease>, terms: Partial<Terms> = {}): Lease => ({
    ...{ role: 'buyer', created: NOW, committed: NOW, link: 'bushel://films', signature: Buffer.alloc(64) },
    ...{ state: LEASE.STORED, start: NOW },
    ...given,
    terms: {
      ...leaseTerms({ ...partiesOf(laptop, self), countersignBy: NOW }),
      ...{ nonce: Buffer.alloc(32, n), ...terms }
    }
  })
  const before = [leaseOf(1, {}), leaseOf(2, { start: NOW + 60_000 })]
  for (const lease of before) await leases.save(lease)
  const further = (i: number, given: Partial<Lease> = {}, terms: Partial<Terms> = {}) => {
    const follows = agreementId(before[i]!.terms)
    const next = { state: LEASE.NEXT, start: before[i]!.start + 30 * DAY, ...given }
    return { before: before[i]!, lease: leaseOf(3 + i, next, { follows, ...terms }) }
  }
  const job: MirrorJob = {
    ...{ path: '/films', fingerprint: Buffer.alloc(32), market: Buffer.alloc(32), store: 'ab', files: 1 },
    ...{ link: 'bushel://films', bytes: 1, cores: [], sha256: Buffer.alloc(32), name: 'films' },
    ...{ copies: 2, time: 30 * DAY, offer: 0n, maxPrice: 0n, prepayMaxMsat: 0n, state: MIRROR.KEPT },
    agreements: before.map(({ terms }) => agreementId(terms))
  }
  await store.set(change(mirrorTable, 'ab', job))
  const told: string[] = []
  const log: Logger = { ...nullLogger, warn: text => void told.push(text) }
  const mirrors = new Mirrors({ store, leases, log } as unknown as MirrorsOptions)
  const days = (): number => mirrors.get('ab')!.time / DAY
  return { store, leases, mirrors, further, told, days }
}

test('an extension that is found again lengthens its mirror once, whatever the number of copies', async t => {
  const { store, mirrors, further, days, leases, told } = await imported(t)
  const set = t.mock.method(store, 'set')
  await mirrors.addFurther(further(1), 0n)
  assert.equal(set.mock.callCount(), 1, 'a kill leaves all of it or nothing')
  assert.equal(days(), 60)
  await mirrors.addFurther(further(0), 0n)
  assert.equal(days(), 60)
  assert.equal(mirrors.get('ab')!.agreements.length, 4)
  assert.equal(leases.get('buyer', agreementId(further(0).lease.terms))!.state, LEASE.NEXT)
  // What is extended after that is longer again.
  const after = further(0, { start: NOW + 60 * DAY }, { nonce: Buffer.alloc(32, 9) })
  await leases.save(after.lease)
  await mirrors.lengthen('ab', after.lease)
  assert.equal(days(), 90)
  assert.deepEqual(told, [])
})

test('an extension that is not sealed yet lengthens its mirror when it is', async t => {
  const { mirrors, further, days } = await imported(t)
  await mirrors.addFurther(further(0, { state: LEASE.ACTIVE, start: 0 }), 0n)
  assert.equal(days(), 30)
  await mirrors.addFurther(further(1), 0n)
  await mirrors.lengthen('ab', further(0).lease)
  assert.equal(days(), 60)
})

test('a lease at a price that this node would not pay is given up, and its owner is told', async t => {
  const { leases, mirrors, further, told, days } = await imported(t)
  const one = further(0, {}, { price: 10_000_000_000n })
  await mirrors.addFurther(one, 500n)
  const { state, reason } = leases.get('buyer', agreementId(one.lease.terms))!
  assert.deepEqual([state, days()], [LEASE.LAPSING, 30])
  assert.match(reason!, /^it is not paid on: it costs/)
  assert.equal(told.length, 1)
  assert.match(told[0]!, /'films' has a lease .* by an earlier device of yours/)
})
