import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { distinct } from '../../../src/deal/sellers/matching.js'
import type { Experience } from '../../../src/deal/sellers/matching.js'
import { match } from '../../../src/storage/buyer/placing/matching.js'
import type { Candidate, Wanted } from '../../../src/storage/buyer/placing/matching.js'
import { asksOf, assertOrderOfInputIgnored, assertRanking, identity } from './ranking.js'
import type { Ranking } from './ranking.js'

const ranking: Ranking<Candidate, Wanted> = {
  rank: match,
  asks: asksOf(
    fc.record({
      identity,
      price: fc.bigInt({ min: 1n, max: 6n }),
      space: fc.integer({ min: 50, max: 150 }),
      minTime: fc.integer({ min: 1, max: 12 }),
      maxTime: fc.integer({ min: 8, max: 20 })
    })
  ),
  wanted: fc.record({
    bytes: fc.constant(100),
    time: fc.constant(10),
    offer: fc.constant(null),
    maxPrice: fc.option(fc.bigInt({ min: 1n, max: 6n })),
    identity
  })
}

const standing = (record: Experience | null): number =>
  record ? (record.good - 3 * record.bad) / (1 + record.good + record.bad) : 0

test('the same asks are ranked equally in any input order, and the input is unchanged', () => {
  assertOrderOfInputIgnored(ranking)
})

test('only fitting asks are ranked, by price, record of the provider and id, at most two per identity', () => {
  assertRanking(ranking, {
    serves: (ask, want) => ask.space >= want.bytes && ask.minTime <= want.time && ask.maxTime >= want.time,
    key: (ask, record) => [ask.price, -standing(record), ask.id.toString('hex')]
  })
})

test('copies go to different identities, the first ones of the ranking', () => {
  fc.assert(
    fc.property(ranking.asks, fc.nat(6), fc.array(identity, { maxLength: 3 }), (list, copies, taken) => {
      const chosen = distinct(list, copies, taken)
      const who = chosen.map(ask => ask.identity.toString('hex'))
      assert.equal(new Set(who).size, who.length)
      for (const identity of taken) assert.ok(!who.includes(identity.toString('hex')))
      const others = new Set(
        list
          .map(ask => ask.identity.toString('hex'))
          .filter(id => !taken.some(one => one.toString('hex') === id))
      )
      assert.equal(chosen.length, Math.min(copies, others.size))
      for (const ask of chosen)
        assert.equal(
          ask,
          list.find(other => other.identity.equals(ask.identity))
        )
    })
  )
})

test('asks of devices that a relay has seen lately come first, and no other is left out', () => {
  const now = 1_000_000_000
  const MINUTE = 60_000
  const at = (i: number, price: bigint, seen: number | null): Candidate => ({
    ...{ id: Buffer.alloc(32, i), identity: Buffer.alloc(32, i), price, seen },
    ...{ space: 100, minTime: 1, maxTime: 20 }
  })
  const asks = [
    at(1, 1n, null),
    at(2, 2n, now - 31 * MINUTE),
    at(3, 4n, now),
    at(4, 3n, now - 29 * MINUTE),
    at(5, 9n, now)
  ]
  const wanted = { bytes: 100, time: 10, offer: null, maxPrice: 5n, identity: Buffer.alloc(32, 9) }
  const ranked = match(asks, wanted, () => null, now)
  assert.deepEqual(
    ranked.map(({ price }) => price),
    [3n, 4n, 1n, 2n]
  )
})
