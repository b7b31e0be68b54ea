import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditRecord, Lease, MirrorJob } from '#spec'
import { DAY } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import { copiesOf, lastEndOf, priceCeiling } from '../../../../src/storage/buyer/upkeep/copies.js'
import { UNTROUBLED } from '../../../../src/storage/lease/challenge.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { ENDED_BY_OWNER, Leases, endOf } from '../../../../src/storage/lease/leases.js'
import { leaseTerms, partiesOf } from '../../../samples/evidence/parties.js'
import { person } from '../../../samples/people.js'

const START = Date.UTC(2030, 0, 1)
const PRICE = 1000n

/** A mirror of three copies; tests change `all`, which are its leases. */
async function mirror() {
  const [[buyer], [provider]] = await Promise.all([person(), person()])
  const made = (days: number, of: Partial<Lease> = {}, terms: Partial<Lease['terms']> = {}): Lease => ({
    ...{ role: 'buyer', state: LEASE.STORED, created: START, committed: START, start: START },
    terms: {
      ...leaseTerms({ ...partiesOf(buyer!, provider!), countersignBy: START, time: days * DAY }),
      ...{ price: PRICE, nonce: Buffer.alloc(32, all.length + 1) },
      ...terms
    },
    signature: Buffer.alloc(64),
    ...of
  })
  const all: Lease[] = []
  const audits = new Map<Lease['terms'], AuditRecord>()
  const find = (id: Buffer): Lease | null => all.find(({ terms }) => agreementId(terms).equals(id)) ?? null
  const leases = Object.assign(Object.create(Leases.prototype) as Leases, {
    get: (_role: string, id: Buffer) => find(id),
    auditOf: (id: Buffer) => audits.get(find(id)!.terms) ?? UNTROUBLED,
    successorOf: (_role: string, id: Buffer) => all.find(({ terms }) => terms.follows?.equals(id)) ?? null
  })
  const job = { copies: 3 } as MirrorJob
  const at = (now: number) =>
    copiesOf({ ...job, agreements: all.map(({ terms }) => agreementId(terms)) }, leases, now)
  const counts = (now = START + DAY): number[] => {
    const { living, failed, missing } = at(now)
    return [living.length, failed.length, missing]
  }
  for (let i = 0; i < 3; i++) all.push(made(30))
  const follow = (before: Lease, of: Partial<Lease> = { state: LEASE.NEXT }): Lease =>
    made(30, { ...of, start: endOf(before) }, { follows: agreementId(before.terms) })
  const change = (i: number, of: Partial<Lease>): void => void (all[i] = { ...all[i]!, ...of })
  return { all, audits, leases, job, at, counts, made, follow, change }
}

test('a copy that fails or was given up is missing until another one is in its place', async () => {
  const { all, audits, counts, made, change } = await mirror()
  assert.deepEqual(counts(), [3, 0, 0])
  audits.set(all[0]!.terms, { ...UNTROUBLED, failing: 'it lost a block' })
  change(1, { state: LEASE.LAPSING, reason: 'it failed an audit' })
  assert.deepEqual(counts(), [1, 2, 2])
  all.push(made(29, { state: LEASE.ACTIVE, start: 0 }))
  assert.deepEqual(counts(), [2, 2, 1])
  all.push(made(29))
  assert.deepEqual(counts(), [3, 2, 0])
})

test('what was served, ended by its owner or never paid is not missing', async () => {
  const { all, counts, change, made } = await mirror()
  change(0, { state: LEASE.ENDED, reason: 'it was served' })
  assert.deepEqual(counts(START + 30 * DAY), [2, 0, 0], 'the others end an hour later')
  change(0, { state: LEASE.ENDED, reason: ENDED_BY_OWNER })
  all.push(made(30, { state: LEASE.VOID, committed: 0, start: 0, reason: 'it could not be paid' }))
  assert.deepEqual(counts(), [2, 0, 0])
  change(1, { state: LEASE.ENDED, reason: 'it failed an audit' })
  assert.deepEqual(counts(), [1, 1, 1], 'one of the two that are wanted still')
})

test('a lease that follows another one is no copy of its own, until that is over', async () => {
  const { all, leases, at, counts, change, follow } = await mirror()
  all.push(follow(all[0]!))
  assert.deepEqual(counts(), [3, 0, 0])
  assert.equal(lastEndOf(at(START), leases), START + 60 * DAY)
  change(3, { state: LEASE.ENDED, reason: ENDED_BY_OWNER })
  change(1, { state: LEASE.LAPSING, reason: 'it failed an audit' })
  assert.deepEqual(counts(), [2, 1, 1], 'an extension that its owner ended hides no loss')

  const second = await mirror()
  second.all.push(second.follow(second.all[0]!, { state: LEASE.STORED }))
  second.change(0, { state: LEASE.ENDED, reason: 'it was served' })
  assert.deepEqual(second.counts(START + 31 * DAY), [3, 0, 0])
})

test('the price of copies that the node bought by itself does not raise its limit', async () => {
  const { all, job, at, made, change, follow } = await mirror()
  change(2, { terms: { ...all[2]!.terms, price: 2n * PRICE } })
  const ceiling = (): bigint => priceCeiling(job, at(START), null)
  assert.equal(ceiling(), 4n * PRICE)
  all.push(made(30, {}, { price: 4n * PRICE }), {
    ...follow(all[0]!),
    terms: { ...follow(all[0]!).terms, price: 9n * PRICE }
  })
  assert.equal(ceiling(), 4n * PRICE)
  assert.equal(priceCeiling(job, at(START), PRICE), PRICE, 'the owner has named one')
})

test('a copy that was served takes no part any more, and one that was lost is replaced once', async () => {
  const { all, at, counts, change, made } = await mirror()
  change(0, { state: LEASE.ENDED, reason: 'it was served' })
  change(1, {
    state: LEASE.LAPSING,
    reason: 'it failed an audit',
    terms: { ...all[1]!.terms, time: 90 * DAY }
  })
  const now = START + 31 * DAY
  assert.deepEqual(counts(now), [1, 1, 1])
  all.push(made(30))
  assert.deepEqual(counts(now), [2, 1, 0])
  assert.deepEqual(at(now).grace, [all[0]])
  assert.deepEqual(at(START + 38 * DAY).grace, [], 'its grace is over')
})

test('an extension that was cancelled counts for nothing, also when another one has begun', async () => {
  const { all, at, counts, change, follow } = await mirror()
  all.push(follow(all[0]!, { state: LEASE.ENDED, reason: ENDED_BY_OWNER }))
  const next = follow(all[0]!, { state: LEASE.STORED })
  all.push({ ...next, terms: { ...next.terms, nonce: Buffer.alloc(32, 9) } })
  change(0, { state: LEASE.ENDED, reason: 'it was served' })
  change(3, { start: 0 })
  const now = START + 31 * DAY
  assert.deepEqual(counts(now), [3, 0, 0])
  change(1, {
    state: LEASE.LAPSING,
    reason: 'it failed an audit',
    terms: { ...all[1]!.terms, time: 90 * DAY }
  })
  assert.deepEqual(counts(now), [2, 1, 1])
  assert.ok(at(now).living.includes(all[4]!))
})
