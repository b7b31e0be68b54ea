import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditRecord, Lease } from '#spec'
import { DAY, HOUR, MINUTE } from '../../../contracts/money/quantity.js'
import {
  UNTROUBLED,
  auditAt,
  challengeOf,
  healthOf,
  notAnswered,
  notReached,
  partsOf,
  woken
} from '../../../src/storage/lease/challenge.js'
import { LEASE } from '../../../src/storage/lease/lease-state.js'

const START = 1_000_000

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
  assert.equal(auditAt(stored(), UNTROUBLED, START), START + DAY)
  assert.equal(auditAt(stored(START + 5 * DAY), UNTROUBLED, START + 5 * DAY), START + 6 * DAY)
})

test('a challenge has four blocks for each day since the last audit, at most 31', () => {
  const blocks = (days: number): number =>
    challengeOf(stored(START), UNTROUBLED, START + days * DAY).blocks.length
  assert.deepEqual([0.5, 1, 3, 14].map(blocks), [4, 4, 12, 31])
})

test('an open challenge is due at once, and is the same until it is answered', () => {
  const lease = stored()
  const challenge = challengeOf(lease, UNTROUBLED, START + DAY)
  const open = { ...UNTROUBLED, challenge }
  assert.equal(challengeOf(lease, open, START + 20 * DAY), challenge)
  assert.equal(auditAt(lease, open, START + DAY), 0)
  assert.equal(healthOf(lease, open), 'unanswered')
})

test('a challenge that stays open is tried ever more rarely, at least once an hour', () => {
  const lease = stored()
  let record: AuditRecord = { ...UNTROUBLED, challenge: challengeOf(lease, UNTROUBLED, START + DAY) }
  const waits = Array.from({ length: 11 }, () => {
    record = notAnswered(record, START + DAY)
    return (auditAt(lease, record, START + DAY) - START - DAY) / MINUTE
  })
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60])
})

test('a provider that was away and connects is asked at once, once an hour, and one that is silent is not', () => {
  const lease = stored()
  const open: AuditRecord = { ...UNTROUBLED, challenge: challengeOf(lease, UNTROUBLED, START + DAY) }
  const away = notReached(notReached(open, START), START)
  assert.equal(woken(away, START + HOUR - 1), null)
  assert.equal(auditAt(lease, woken(away, START + HOUR)!, START + HOUR), 0)
  assert.equal(woken(notAnswered(open, START), START + DAY), null)
  assert.equal(woken(notReached(UNTROUBLED, START), START + DAY), null, 'nothing is asked')
})

test('a challenge is asked in parts of four blocks, with one nonce', () => {
  const challenge = challengeOf(stored(START), UNTROUBLED, START + 14 * DAY)
  const parts = partsOf(challenge)
  assert.deepEqual(
    parts.map(({ blocks }) => blocks.length),
    [4, 4, 4, 4, 4, 4, 4, 3]
  )
  assert.deepEqual(
    parts.flatMap(({ blocks }) => blocks),
    challenge.blocks
  )
  assert.ok(parts.every(({ nonce, seal }) => nonce === challenge.nonce && seal === challenge.seal))
})

test('a copy fails when its provider is reached twice, a day apart, and does not answer', () => {
  const lease = stored()
  let record: AuditRecord = { ...UNTROUBLED, challenge: challengeOf(lease, UNTROUBLED, START + DAY) }
  record = notAnswered(record, START + DAY)
  record = notAnswered(record, START + 2 * DAY - 1)
  assert.equal(healthOf(lease, record), 'unanswered')
  record = notAnswered(record, START + 2 * DAY)
  assert.equal(healthOf(lease, record), 'failing')
})

test('a provider is gone when two tries three days apart do not reach it, and one that is reached again is not', () => {
  const lease = stored()
  let record = notReached(UNTROUBLED, START)
  record = notReached(record, START + 3 * DAY - 1)
  record = notReached(record, START + 3 * DAY - 1)
  assert.equal(healthOf(lease, record), 'healthy')
  record = notReached(record, START + 3 * DAY)
  assert.equal(healthOf(lease, record), 'gone')
  record = notAnswered(record, START + 3 * DAY)
  assert.equal(healthOf(lease, record), 'healthy')
})

test('a node that slept for days does not take every provider for gone at its first try', () => {
  const record = notReached(notReached(UNTROUBLED, START), START + 4 * DAY)
  assert.equal(healthOf(stored(), record), 'healthy')
  assert.equal(healthOf(stored(), notReached(record, START + 4 * DAY)), 'gone')
})

test('a time that a clock ahead has written does not keep a provider from being gone', () => {
  const ahead = notReached(UNTROUBLED, START + 365 * DAY)
  const now = notReached(ahead, START)
  assert.equal(healthOf(stored(), notReached(now, START + 3 * DAY)), 'gone')
  const challenge = challengeOf(stored(), UNTROUBLED, START + DAY)
  assert.equal(auditAt(stored(), { ...ahead, challenge }, START + DAY), 0)
  assert.equal(auditAt(stored(START + 365 * DAY), UNTROUBLED, START + DAY), START + DAY)
})
