import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Lease } from '#spec'
import { DAY } from '../../../contracts/money/quantity.js'
import { billedBytes } from '../../../contracts/money/money.js'
import { agreementId } from '../../../contracts/terms.js'
import type { Store } from '../../../src/store/store.js'
import { LEASE, isLive, isOver } from '../../../src/storage/lease/lease-state.js'
import { problemsOfLeases } from '../../../src/storage/lease/lease-sums.js'
import { Leases } from '../../../src/storage/lease/leases.js'
import { leaseDueTable, leaseSumTable } from '../../../src/storage/tables.js'
import { LmdbBackend } from '../../../src/store/backend/lmdb-backend.js'
import { CountingBackend } from '../../doubles/counting-backend.js'
import { folder } from '../../parts/folder.js'
import { storeIn } from '../../parts/store/store-in.js'
import { leaseTerms, partiesOf } from '../../samples/evidence/parties.js'
import { person } from '../../samples/people.js'
import type { Person } from '../../samples/people.js'

const NOW = 1_000_000

async function opened(t: TestContext): Promise<{ store: Store; leases: Leases; people: [Person, Person] }> {
  const store = storeIn(await folder(t))
  await store.ready()
  t.after(() => store.close())
  const [[buyer], [provider]] = await Promise.all([person(), person()])
  return { store, leases: new Leases(store), people: [buyer!, provider!] }
}

/** A lease that a provider has just signed; `n` makes it another one. */
function signed([buyer, provider]: [Person, Person], n: number): Lease {
  const parties = { ...partiesOf(buyer, provider), nonce: Buffer.alloc(32, n) }
  const cores = [{ key: Buffer.alloc(32, n), length: n, byteLength: n * 1000 }]
  const terms = { ...leaseTerms({ ...parties, countersignBy: NOW, cores }), startBy: NOW + n }
  const times = { created: NOW, committed: 0, start: 0 }
  return { role: 'provider', state: LEASE.COUNTERSIGNED, ...times, terms, signature: Buffer.alloc(64) }
}

const idsOf = (leases: Iterable<{ id: Buffer }>): string[] =>
  [...leases].map(({ id }) => id.toString('hex')).sort()

test('sums and indexes follow every change of a lease, and a lease that is over stays as history', async t => {
  const { store, leases, people } = await opened(t)
  const states = [LEASE.ACTIVE, LEASE.STORED, LEASE.GRACE, LEASE.ENDED]
  const current = new Map<number, Lease>()
  const steps = [0, 1, 2, 3, 4].flatMap(() => [5, 3, 8, 1].map(n => ({ n: n * 7 + 1 })))
  for (const { n } of steps) {
    const before = current.get(n)
    const place = before ? states.indexOf(before.state) + 1 : -1
    if (place >= states.length) continue
    const next = place < 0 ? signed(people, n) : { ...before!, state: states[place]! }
    current.set(n, next)
    await leases.save(next)
    const all = [...current.values()]
    const live = all.filter(isLive)
    const bytes = live.reduce((sum, { terms }) => sum + Number(billedBytes(terms.cores)), 0)
    assert.deepEqual(leases.sums('provider'), { live: live.length, bytes })
    const open = all.filter(lease => !isOver(lease)).map(({ terms }) => ({ id: agreementId(terms) }))
    assert.deepEqual(idsOf(leases.open('provider')), idsOf(open))
    assert.deepEqual(idsOf(leases.with(people[0].device.publicKey)), idsOf(open))
    assert.deepEqual([...problemsOfLeases(store)], [])
  }
  assert.equal(leases.sums('provider').live, 0)
  assert.deepEqual(leases.sums('buyer'), { live: 0, bytes: 0 })
  assert.equal([...leases.list('provider')].length, current.size)
  assert.equal([...leases.with(people[1].device.publicKey)].length, 0)
  assert.deepEqual([...store.check()], [])
})

test('a look reads only the leases whose time has come, and those that have changed', async t => {
  const { leases, people } = await opened(t)
  for (let n = 1; n <= 40; n++) await leases.save(signed(people, n))
  let read = 0
  const look = async (now: number): Promise<number[]> => {
    read = 0
    const found: number[] = []
    const dueAt = ({ terms }: Lease): number => {
      read++
      return terms.startBy
    }
    for await (const { lease } of leases.due('provider', now, dueAt)) found.push(lease.terms.startBy - NOW)
    return found.sort((a, b) => a - b)
  }
  assert.deepEqual(await look(NOW), [])
  assert.equal(read, 40, 'each is new')
  assert.deepEqual(await look(NOW), [])
  assert.equal(read, 0)
  assert.deepEqual(await look(NOW + 3), [1, 2, 3])
  assert.equal(read, 3)
  await leases.save({ ...signed(people, 2), state: LEASE.VOID })
  await leases.save({ ...signed(people, 30), state: LEASE.ACTIVE })
  assert.deepEqual(await look(NOW + 3), [1, 3])
  assert.equal(read, 3, 'two that are due and the one that has changed')
})

test('a lease that ends during a look is not given as it was before', async t => {
  const { leases, people } = await opened(t)
  for (const n of [1, 2]) await leases.save(signed(people, n))
  const seen: boolean[] = []
  for await (const { lease } of leases.due('provider', NOW, () => 0)) {
    seen.push(isOver(lease))
    for (const { lease: open } of [...leases.open('provider')])
      await leases.save({ ...open, state: LEASE.VOID })
  }
  assert.deepEqual(seen, [false, true])
})

test('what a quote, a hello and a connection read of the leases does not grow with those that are over', async t => {
  let counting!: CountingBackend
  const store = storeIn(await folder(t), [], dir => (counting = new CountingBackend(new LmdbBackend(dir))))
  await store.ready()
  t.after(() => store.close())
  const leases = new Leases(store)
  const people = (await Promise.all([person(), person()])).map(([one]) => one!) as [Person, Person]
  const device = people[0].device.publicKey
  const readsWith = async (from: number, to: number): Promise<number> => {
    for (let n = from; n < to; n++) {
      const agreed = signed(people, n)
      await leases.save(agreed)
      const state = n % 2 ? LEASE.VOID : LEASE.ENDED
      await leases.save({ ...agreed, state, committed: n % 2 ? 0 : NOW })
    }
    counting.reads = 0
    leases.sums('provider')
    assert.equal(leases.dealings(device), 'has paid')
    assert.deepEqual([...leases.with(device)], [])
    assert.deepEqual([...leases.at('provider', LEASE.COUNTERSIGNED)], [])
    return counting.reads
  }
  const few = await readsWith(1, 10)
  assert.equal(await readsWith(10, 250), few)
})

test('an agreement that was never paid is forgotten after two days, a paid one never', async t => {
  const { store, leases, people } = await opened(t)
  const [unpaid, paid] = [signed(people, 1), signed(people, 2)]
  for (const lease of [unpaid, paid]) await leases.save(lease)
  await leases.save({ ...unpaid, state: LEASE.VOID })
  await leases.save({ ...paid, state: LEASE.ENDED, committed: NOW })
  await store.forget(NOW + 2 * DAY - 1, 10)
  assert.equal([...leases.list('provider')].length, 2)
  await store.forget(NOW + 2 * DAY, 10)
  assert.deepEqual(idsOf(leases.list('provider')), [agreementId(paid.terms).toString('hex')])
  assert.deepEqual([...store.check(), ...problemsOfLeases(store)], [])
})

test('a wrong sum, and a lease that no look finds, are problems of the store', async t => {
  const { store, leases, people } = await opened(t)
  const lease = signed(people, 5)
  await leases.save(lease)
  await store.write(transaction => {
    transaction.put(leaseSumTable, 'provider', { live: 2, bytes: 7 })
    transaction.delete(leaseDueTable, ['provider', agreementId(lease.terms)])
    transaction.put(leaseDueTable, ['provider', Buffer.alloc(32, 9)], 4)
  })
  const problems = [...problemsOfLeases(store)]
  assert.equal(problems.length, 3)
  assert.match(problems[0]!, /is open and has no time at which it is looked at/)
  assert.match(problems[1]!, /^1 leases \(provider\) reserve \d+ bytes, their sum says 2 and 7$/)
  assert.match(problems[2]!, /^lease (09){32} \(provider\) is not open and is looked at$/)
})

test('a lease whose due time has a fraction, as one that follows from a rate has, is looked at later', async t => {
  const { leases, people } = await opened(t)
  await leases.save(signed(people, 1))
  const dueAt = async (now: number): Promise<number> => {
    let count = 0
    for await (const _ of leases.due('provider', now, () => NOW + 10.5)) count++
    return count
  }
  assert.equal(await dueAt(NOW), 0)
  assert.equal(await dueAt(NOW + 11), 1)
})
