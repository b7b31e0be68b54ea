import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { distinct, match } from '../../src/deal/matching.js'
import type { Candidate, Experience, Wanted } from '../../src/deal/matching.js'

const NOW = 1_000_000
const identity = fc.integer({ min: 0, max: 5 }).map(n => Buffer.alloc(32, n))
const asks = fc
  .uniqueArray(
    fc.record({
      id: fc.integer({ min: 0, max: 255 }),
      identity,
      price: fc.bigInt({ min: 1n, max: 6n }),
      space: fc.integer({ min: 50, max: 150 }),
      minTime: fc.integer({ min: 1, max: 12 }),
      maxTime: fc.integer({ min: 8, max: 20 })
    }),
    { selector: ask => ask.id, maxLength: 25 }
  )
  .map(list => list.map<Candidate>(ask => ({ ...ask, id: Buffer.alloc(32, ask.id) })))
const wanted: fc.Arbitrary<Wanted> = fc.record({
  bytes: fc.constant(100),
  time: fc.constant(10),
  maxPrice: fc.option(fc.bigInt({ min: 1n, max: 6n })),
  identity
})
const experiences = fc
  .array(fc.option(fc.record({ good: fc.nat(5), bad: fc.nat(5), until: fc.constantFrom(0, NOW, NOW + 1) })), {
    minLength: 6,
    maxLength: 6
  })
  .map(
    list =>
      (who: Buffer): Experience | null =>
        list[who[0]!] ?? null
  )

const hex = (list: readonly Candidate[]): string[] => list.map(ask => ask.id.toString('hex'))
const standing = (record: Experience | null): number =>
  record ? (record.good - 3 * record.bad) / (1 + record.good + record.bad) : 0

test('the same asks are ranked equally in any input order, and the input is unchanged', () => {
  fc.assert(
    fc.property(asks, wanted, experiences, fc.infiniteStream(fc.nat()), (list, want, experience, random) => {
      const before = hex(list)
      const first = match(list, want, experience, NOW)
      const shuffled = list
        .map(ask => ({ ask, at: random.next().value as number }))
        .sort((a, b) => a.at - b.at)
        .map(({ ask }) => ask)
      assert.deepEqual(hex(match(shuffled, want, experience, NOW)), hex(first))
      assert.deepEqual(hex(list), before)
    })
  )
})

test('only fitting asks are ranked, by price, record of the provider and id, at most two per identity', () => {
  fc.assert(
    fc.property(asks, wanted, experiences, (list, want, experience) => {
      const found = match(list, want, experience, NOW)
      const fits = (ask: Candidate): boolean =>
        ask.space >= want.bytes &&
        ask.minTime <= want.time &&
        ask.maxTime >= want.time &&
        (want.maxPrice === null || ask.price <= want.maxPrice) &&
        !ask.identity.equals(want.identity) &&
        (experience(ask.identity)?.until ?? 0) <= NOW
      for (const ask of found) assert.ok(fits(ask))
      for (const [i, ask] of found.entries()) {
        const next = found[i + 1]
        if (!next) break
        const key = (a: Candidate): [bigint, number, string] => [
          a.price,
          -standing(experience(a.identity)),
          a.id.toString('hex')
        ]
        const [a, b] = [key(ask), key(next)]
        const at = a.findIndex((part, j) => part !== b[j])
        assert.ok(at >= 0 && a[at]! < b[at]!, 'in order')
      }
      for (let n = 0; n <= 5; n++) {
        const who = Buffer.alloc(32, n)
        const own = list.filter(ask => fits(ask) && ask.identity.equals(who)).length
        assert.equal(found.filter(ask => ask.identity.equals(who)).length, Math.min(own, 2))
      }
    })
  )
})

test('copies go to different identities, the first ones of the ranking', () => {
  fc.assert(
    fc.property(asks, fc.nat(6), fc.array(identity, { maxLength: 3 }), (list, copies, taken) => {
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
