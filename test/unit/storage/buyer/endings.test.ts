import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lease, MirrorJob } from '#spec'
import { DAY } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import { loggerTo } from '../../../../src/base/logger.js'
import { EndingNotices, endingText, endingsOf } from '../../../../src/storage/buyer/endings.js'
import { MIRROR } from '../../../../src/storage/buyer/mirror-state.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import type { LeaseState } from '../../../../src/storage/lease/lease-state.js'
import { endOf } from '../../../../src/storage/lease/leases.js'
import type { Leases } from '../../../../src/storage/lease/leases.js'
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
  const job = { store: 'aa', path: '/home/films', state: MIRROR.KEPT, agreements } as unknown as MirrorJob
  const store = { table: () => ({ list: () => [{ value: job }] }) } as unknown as Store
  const at = (_role: string, state: LeaseState) =>
    kept.filter(lease => lease.state === state).map(lease => ({ id: agreementId(lease.terms), lease }))
  return { store, kept, leases: { at } as unknown as Leases }
}

test('the owner is told of an end 30, 7 and 1 days before, of the copy that ends first', async () => {
  const { store, kept, leases } = await homeOf(400, 365)
  const ends = Math.min(...kept.map(endOf))
  const within = (left: number): number | null => endingsOf(store, leases, ends - left)[0]?.within ?? null
  assert.deepEqual([31 * DAY, 30 * DAY, 7 * DAY + 1, 7 * DAY, DAY + 1, DAY, 1, 0].map(within), [
    null,
    30,
    30,
    7,
    7,
    1,
    1,
    null
  ])
  const [ending] = endingsOf(store, leases, ends - 7 * DAY)
  assert.equal(
    endingText(ending!, ends - 7 * DAY),
    "'films' ends in 7d; to keep it, buy it anew before: bushel mirror '/home/films'"
  )
  kept.forEach((lease, i) => (kept[i] = { ...lease, state: LEASE.ENDED }))
  assert.equal(within(DAY), null, 'what is over ends no more')
})

test('what was bought for a few days is not told of at once', async () => {
  const { store, kept, leases } = await homeOf(30)
  const within = (left: number): number | null =>
    endingsOf(store, leases, endOf(kept[0]!) - left)[0]?.within ?? null
  assert.deepEqual([30 * DAY, 8 * DAY, 7 * DAY].map(within), [null, null, 7])
})

test('each notice is logged once, and again when the end comes nearer', async () => {
  const { store, kept, leases } = await homeOf(365)
  const lines: string[] = []
  const log = loggerTo(({ level, message }) => lines.push(`${level}: ${message}`))
  let left = 30
  const now = (): number => endOf(kept[0]!) - left * DAY
  const notices = new EndingNotices({ store, leases, log, now })
  await notices.ready()
  const seen = (): number => lines.length
  assert.equal(seen(), 1)
  for (left of [20, 7, 6, 1, 0.5]) notices.look()
  assert.equal(seen(), 3)
  assert.match(lines[2]!, /^warn: 'films' ends in 1d; /)
  await notices.close()
})
