import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditRecord, Lease, MirrorJob } from '#spec'
import { DAY } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import { loggerTo } from '../../../../src/base/logger.js'
import { MirrorReminders, remindersOf } from '../../../../src/storage/buyer/upkeep/reminders.js'
import { UNTROUBLED } from '../../../../src/storage/lease/challenge.js'
import { UNREAD, ownerEgressOf } from '../../../../src/storage/lease/egress.js'
import type { EgressAccounts } from '../../../../src/storage/lease/egress.js'
import { MIRROR } from '../../../../src/storage/buyer/mirror-state.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { ENDED_BY_OWNER, Leases, endOf } from '../../../../src/storage/lease/leases.js'
import type { Store } from '../../../../src/store/store.js'
import { leaseTerms, partiesOf } from '../../../samples/evidence/parties.js'
import { person } from '../../../samples/people.js'

const START = Date.UTC(2030, 0, 1)

/** A home with one mirror, whose copies were bought for so many days each. */
async function homeOf(...days: number[]) {
  const [[buyer], [provider]] = await Promise.all([person(), person()])
  const kept = days.map(time => {
    const terms = leaseTerms({ ...partiesOf(buyer!, provider!), countersignBy: START, time: time * DAY })
    const times = { created: START, committed: START, start: START }
    return { role: 'buyer', state: LEASE.STORED, ...times, terms, signature: Buffer.alloc(64) } as Lease
  })
  const agreements = kept.map(({ terms }) => agreementId(terms))
  const job = {
    store: 'aa',
    path: '/home/films',
    state: MIRROR.KEPT,
    agreements,
    copies: days.length
  } as unknown as MirrorJob
  const store = { table: () => ({ list: () => [{ value: job }], get: () => null }) } as unknown as Store
  const get = (_role: string, id: Buffer): Lease | null =>
    kept.find(({ terms }) => agreementId(terms).equals(id)) ?? null
  const audits: { id: Buffer; audit: AuditRecord }[] = []
  const auditOf = (id: Buffer): AuditRecord => audits.find(one => one.id.equals(id))?.audit ?? UNTROUBLED
  const successorOf = (_role: string, id: Buffer): Lease | null =>
    kept.find(({ terms }) => terms.follows?.equals(id)) ?? null
  const read = new Map<string, EgressAccounts>()
  const egressOf = (id: Buffer): EgressAccounts => read.get(id.toString('hex')) ?? UNREAD
  const known = { get, auditOf, successorOf, egressOf }
  const leases = Object.assign(Object.create(Leases.prototype) as Leases, known)
  return { store, job, kept, audits, read, leases }
}

test('the owner is told of an end 30, 7 and 1 days before, of the copy that ends first', async () => {
  const { store, kept, leases } = await homeOf(400, 365)
  const ends = Math.min(...kept.map(endOf))
  const told = (left: number): string | null => remindersOf(store, leases, ends - left)[0]?.id ?? null
  const within = (days: number): string => `aa ends within ${days}`
  assert.deepEqual([31 * DAY, 30 * DAY, 7 * DAY + 1, 7 * DAY, DAY + 1, DAY, 1, 0].map(told), [
    null,
    within(30),
    within(30),
    within(7),
    within(7),
    within(1),
    within(1),
    null
  ])
  assert.deepEqual(
    remindersOf(store, leases, ends - 7 * DAY).map(({ text }) => text),
    ["'films' ends in 7d; to keep it: bushel mirrors extend 'films' --time 30d"]
  )
  kept.forEach((lease, i) => (kept[i] = { ...lease, state: LEASE.ENDED, reason: ENDED_BY_OWNER }))
  assert.equal(told(DAY), null, 'what is over ends no more')
})

test('a command in a reminder can be pasted into a shell, whatever the path', async () => {
  const { store, job, kept, leases } = await homeOf(365)
  Object.assign(job, { path: "/home/tom's $(films)" })
  const [reminder] = remindersOf(store, leases, endOf(kept[0]!) - DAY)
  assert.match(reminder!.text, /: bushel mirrors extend 'tom'\\''s \$\(films\)' --time 30d$/)
})

test('what was bought for a few days is not told of at once', async () => {
  const { store, kept, leases } = await homeOf(30)
  const told = (left: number): number => remindersOf(store, leases, endOf(kept[0]!) - left).length
  assert.deepEqual([30 * DAY, 8 * DAY, 7 * DAY].map(told), [0, 0, 1])
})

test('the owner is told of copies that fail or are gone, and not of one that is asked', async () => {
  const { store, kept, audits, leases } = await homeOf(400, 365, 366)
  const [one, two, three] = kept.map(({ terms }) => agreementId(terms))
  audits.push({ id: three!, audit: { ...UNTROUBLED, unanswered: START } })
  assert.deepEqual(remindersOf(store, leases, START), [])
  audits.push({ id: one!, audit: { ...UNTROUBLED, failing: 'it lost a block' } })
  const texts = (now: number): string[] => remindersOf(store, leases, now).map(({ text }) => text)
  const fail = (copies: number, isLeft = true): string =>
    `${copies} of the 3 copies of 'films' fail or are gone, and are not paid on; ` +
    (isLeft
      ? "a node that is up replaces them from the others; see: bushel mirrors show 'films'"
      : "no copy is left from which they could be replaced; if you have the files: bushel mirror '/home/films'")
  assert.deepEqual(texts(START), [fail(1)])
  audits.push({ id: two!, audit: { ...UNTROUBLED, unreachable: START, gone: START } })
  assert.deepEqual(texts(START), [fail(2)])
  kept[2] = { ...kept[2]!, state: LEASE.LAPSING }
  assert.deepEqual(texts(START), [fail(3, false)], 'one is given up')
  kept[2] = { ...kept[2]!, state: LEASE.ENDED, reason: 'it failed an audit' }
  assert.deepEqual(texts(START), [fail(3, false)], 'its debt is settled')
  kept[2] = { ...kept[2]!, state: LEASE.ENDED, reason: ENDED_BY_OWNER }
  assert.deepEqual(texts(START), [fail(2, false)])
})

test('the owner is told when readers have fetched 80 % of what they may, and all of it', async () => {
  const { store, kept, read, leases } = await homeOf(400, 365)
  const fetched = (i: number, part: number, owner = 0): void => {
    const { terms } = kept[i]!
    const accounts = { readers: part * terms.egressBytes, owner }
    read.set(agreementId(terms).toString('hex'), accounts)
  }
  const told = (): string[] => remindersOf(store, leases, START).map(({ text }) => text)
  const ids = (): string[] => remindersOf(store, leases, START).map(({ id }) => id)
  const next = "readers can again in a lease that follows: bushel mirrors extend 'films' --time 30d"
  fetched(0, 0.79)
  assert.deepEqual(told(), [])
  fetched(0, 0.8)
  assert.deepEqual(told(), [
    "of 1 of the 2 copies of 'films' readers have fetched 80 % of what they may, and get nothing more " +
      `after the rest; this device can still restore it; ${next}`
  ])
  const [most] = ids()
  fetched(0, 1)
  const all = `of 1 of the 2 copies of 'films' readers have fetched all that they may, and get nothing more`
  assert.deepEqual(told(), [`${all}; this device can still restore it; ${next}`])
  const spent = ids()
  assert.notEqual(spent[0], most)
  fetched(1, 0.9)
  assert.deepEqual(ids(), spent, 'what is told already is not told again')
  for (const i of [0, 1]) fetched(i, 1, ownerEgressOf(kept[i]!.terms.cores))
  assert.match(told()[0]!, /^of 2 of the 2 copies .* this device has used up its own part too; /)
  kept.push({
    ...kept[0]!,
    state: LEASE.NEXT,
    terms: { ...kept[0]!.terms, follows: agreementId(kept[0]!.terms) }
  })
  fetched(1, 0.5)
  assert.match(told()[0]!, /; readers can again when its next lease begins$/)
})

test('each reminder is logged once, and again when the end comes nearer', async () => {
  const { store, kept, leases } = await homeOf(365)
  const lines: string[] = []
  const log = loggerTo(({ level, message }) => lines.push(`${level}: ${message}`))
  let left = 30
  const now = (): number => endOf(kept[0]!) - left * DAY
  const reminders = new MirrorReminders({ store, leases, log, now })
  await reminders.ready()
  const seen = (): number => lines.length
  assert.equal(seen(), 1)
  for (left of [20, 7, 6, 1, 0.5]) reminders.look()
  assert.equal(seen(), 3)
  assert.match(lines[2]!, /^warn: 'films' ends in 1d; /)
  await reminders.close()
})
