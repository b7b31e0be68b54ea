import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Lease, MirrorJob } from '#spec'
import { agreementId } from '../../../contracts/terms.js'
import { loggerTo } from '../../../src/base/logger.js'
import type { LogLine } from '../../../src/base/logger.js'
import { storeIn } from '../../parts/store/store-in.js'
import { Leases, paidUntil } from '../../../src/storage/lease/leases.js'
import { Mirrors } from '../../../src/storage/buyer/mirrors.js'
import type { MirrorsOptions } from '../../../src/storage/buyer/mirrors.js'
import { MIRROR } from '../../../src/storage/buyer/mirror-state.js'
import { folder } from '../../parts/folder.js'
import { leaseTerms, partiesOf } from '../../samples/evidence/parties.js'
import { person } from '../../samples/people.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'

const COUNTERSIGN_BY = Date.UTC(2030, 0, 1)

async function lease(given: Partial<Lease>): Promise<Lease> {
  const [[buyer], [provider]] = await Promise.all([person(), person()])
  const terms = leaseTerms({ ...partiesOf(buyer!, provider!), countersignBy: COUNTERSIGN_BY })
  const signature = Buffer.alloc(64)
  const times = { created: COUNTERSIGN_BY, committed: 0, start: 0 }
  return { role: 'buyer', state: LEASE.LAPSING, ...times, terms, signature, ...given }
}

test('time paid for by a payment that was pending when the lease was given up is not over yet', async () => {
  const pending = await lease({})
  assert.equal(paidUntil(pending, 0), 0)
  assert.ok(paidUntil(pending, 1) > pending.terms.startBy)
})

test('time paid for counts from the start, and before it from the commit', async () => {
  const committed = COUNTERSIGN_BY + 1000
  const start = committed + 1000
  const [unsealed, sealed] = [await lease({ committed }), await lease({ committed, start })]
  assert.equal(paidUntil(sealed, 1) - paidUntil(unsealed, 1), 1000)
  assert.equal(paidUntil(unsealed, 0), committed)
})

/** Store in a folder of their own, with a log whose errors are kept. */
async function records(t: TestContext) {
  const store = storeIn(join(await folder(t), 'store'))
  await store.ready()
  t.after(() => store.close())
  const errors: LogLine[] = []
  return { store, errors, log: loggerTo(line => errors.push(line), 'error') }
}

test('a lease in a state that cannot follow is logged and not written', async t => {
  const { store, errors, log } = await records(t)
  const leases = new Leases(store, log)
  const agreed = await lease({ state: LEASE.AGREED })
  const id = agreementId(agreed.terms)
  await assert.rejects(leases.save({ ...agreed, state: LEASE.BOUND }), /\(buyer\) cannot begin as BOUND/)
  assert.equal(leases.get('buyer', id), null)
  await leases.save(agreed)
  await leases.save({ ...agreed, state: LEASE.VOID })
  await assert.rejects(leases.save({ ...agreed, state: LEASE.BOUND }), /cannot go from VOID to BOUND/)
  await assert.rejects(leases.save({ ...agreed, state: LEASE.GRACE }), /cannot go from VOID to GRACE/)
  assert.equal(leases.get('buyer', id)!.state, LEASE.VOID)
  assert.equal(errors.length, 3)
})

test('a mirror in a state that cannot follow is logged and not written', async t => {
  const { store, errors, log } = await records(t)
  const mirrors = new Mirrors({ store, log, folder: await folder(t) } as unknown as MirrorsOptions)
  const bytes = Buffer.alloc(32, 1)
  const job: MirrorJob = {
    ...{ path: '/tree', fingerprint: bytes, market: bytes, store: 'store', link: '', files: 1, bytes: 1 },
    ...{
      cores: [],
      sha256: bytes,
      copies: 1,
      time: 1,
      maxPrice: 0n,
      offer: 0n,
      prepayMaxMsat: 1n,
      agreements: []
    },
    state: MIRROR.RESTING
  }
  await assert.rejects(mirrors.setBid(job, null), /a mirror \(buyer\) cannot begin as WITHDRAWN/)
  assert.equal(errors.length, 1)
  await mirrors.setBid(job, bytes)
  await mirrors.setBid(job, null)
  await assert.rejects(mirrors.setBid(job, bytes), /cannot go from WITHDRAWN to RESTING/)
  assert.deepEqual([...mirrors.bids()], [])
  assert.equal(errors.length, 2)
})
