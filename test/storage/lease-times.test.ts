import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lease } from '#spec'
import { paidUntil } from '../../src/storage/lease/leases.js'
import { leaseTerms, partiesOf } from '../contracts/evidence/parties.js'
import { person } from '../contracts/people.js'
import { LEASE } from '../../src/storage/lease/lease-state.js'

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
