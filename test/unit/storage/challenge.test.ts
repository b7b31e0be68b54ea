import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditRecord, Lease } from '#spec'
import { DAY } from '../../../contracts/money/quantity.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { Declined } from '../../../src/deal/decline.js'
import {
  auditAt,
  challengeOf,
  healthOf,
  notAnswered,
  notReached
} from '../../../src/storage/lease/challenge.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'

const NONE: AuditRecord = { unanswered: 0, unreachable: 0, challenge: null, failing: null }
const START = 1_000_000
const silent = new BushelError('TIMEOUT', 'it did not answer')

function stored(audited = 0): Lease {
  const core = {
    key: Buffer.alloc(32),
    fork: 0,
    length: 1000,
    byteLength: 1000 << 10,
    treeHash: Buffer.alloc(32)
  }
  const seal = { agreement: Buffer.alloc(32), cores: [core] }
  return { state: LEASE.STORED, start: START, audited, seal: { seal, signature: Buffer.alloc(64) } } as Lease
}

test('a copy is audited a day after it was stored, and a day after each audit', () => {
  assert.equal(auditAt(stored(), NONE), START + DAY)
  assert.equal(auditAt(stored(START + 5 * DAY), NONE), START + 6 * DAY)
})

test('a challenge has four blocks for each day since the last audit, at most 31', () => {
  const blocks = (days: number): number => challengeOf(stored(START), NONE, START + days * DAY).blocks.length
  assert.deepEqual([0.5, 1, 3, 14].map(blocks), [4, 4, 12, 31])
})

test('an open challenge is due at once, and is the same until it is answered', () => {
  const lease = stored()
  const challenge = challengeOf(lease, NONE, START + DAY)
  const open = { ...NONE, challenge }
  assert.equal(challengeOf(lease, open, START + 20 * DAY), challenge)
  assert.equal(auditAt(lease, open), 0)
  assert.equal(healthOf(lease, open, START + DAY), 'unanswered')
})

test('a copy fails when its provider is reached twice, a day apart, and does not answer', () => {
  const lease = stored()
  let record: AuditRecord = { ...NONE, challenge: challengeOf(lease, NONE, START + DAY) }
  record = notAnswered(record, START + DAY, silent)
  record = notAnswered(record, START + 2 * DAY - 1, silent)
  assert.equal(healthOf(lease, record, START + 2 * DAY), 'unanswered')
  record = notAnswered(record, START + 2 * DAY, silent)
  assert.equal(healthOf(lease, record, START + 2 * DAY), 'failing')
})

test('a copy fails at once when its provider says that it does not have it', () => {
  const record = notAnswered(NONE, START, new Declined('a provider', 'NO_SEAL', 'nothing is kept'))
  assert.equal(healthOf(stored(), record, START), 'failing')
})

test('a provider that is not reached for three days is gone, and one that is reached again is not', () => {
  const lease = stored()
  let record = notReached(NONE, START)
  record = notReached(record, START + 2 * DAY)
  assert.equal(healthOf(lease, record, START + 3 * DAY - 1), 'healthy')
  assert.equal(healthOf(lease, record, START + 3 * DAY), 'gone')
  record = notAnswered(record, START + 3 * DAY, silent)
  assert.notEqual(healthOf(lease, record, START + 7 * DAY), 'gone')
})
