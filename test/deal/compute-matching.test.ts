import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { matchCompute, typicalCost } from '../../src/deal/compute-matching.js'
import type { ComputeCandidate, ComputeWanted } from '../../src/deal/compute-matching.js'
import { standingOf } from '../../src/deal/matching.js'
import type { Experience } from '../../src/deal/matching.js'

const NOW = 1_000_000
const TFUEL = 1_000_000_000_000n
const identity = fc.integer({ min: 0, max: 5 }).map(n => Buffer.alloc(32, n))
const asks = fc
  .uniqueArray(
    fc.record({
      id: fc.integer({ min: 0, max: 255 }),
      identity,
      price: fc.bigInt({ min: 1n, max: 60n }),
      baseMsat: fc.bigInt({ min: 1n, max: 6n }),
      memory: fc.integer({ min: 50, max: 150 }),
      isolation: fc.constantFrom('bwrap', 'process'),
      fuel: fc.constantFrom('fuel/1', 'fuel/1', 'fuel/2')
    }),
    { selector: ask => ask.id, maxLength: 25 }
  )
  .map(list => list.map<ComputeCandidate>(ask => ({ ...ask, id: Buffer.alloc(32, ask.id) })))
const wanted: fc.Arbitrary<ComputeWanted> = fc.record({
  memoryBytes: fc.constant(100),
  isolation: fc.constantFrom('bwrap' as const, 'any' as const),
  fuel: fc.constant('fuel/1'),
  maxPrice: fc.option(fc.bigInt({ min: 1n, max: 60n })),
  maxMsat: fc.bigInt({ min: 2n, max: 7n }),
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

const hex = (list: readonly ComputeCandidate[]): string[] => list.map(ask => ask.id.toString('hex'))

test('the same compute asks are ranked equally in any input order, and the input is unchanged', () => {
  fc.assert(
    fc.property(asks, wanted, experiences, fc.infiniteStream(fc.nat()), (list, want, experience, random) => {
      const before = hex(list)
      const first = matchCompute(list, want, experience, NOW)
      const shuffled = list
        .map(ask => ({ ask, at: random.next().value as number }))
        .sort((a, b) => a.at - b.at)
        .map(({ ask }) => ask)
      assert.deepEqual(hex(matchCompute(shuffled, want, experience, NOW)), hex(first))
      assert.deepEqual(hex(list), before)
    })
  )
})

test('only fitting asks are ranked, by cost of a typical job, price, record of the provider and id, at most two per identity', () => {
  fc.assert(
    fc.property(asks, wanted, experiences, (list, want, experience) => {
      const found = matchCompute(list, want, experience, NOW)
      const fits = (ask: ComputeCandidate): boolean =>
        ask.memory >= 100 &&
        ask.fuel === 'fuel/1' &&
        (want.isolation === 'any' || ask.isolation === 'bwrap') &&
        (want.maxPrice === null || ask.price <= want.maxPrice) &&
        ask.baseMsat < want.maxMsat &&
        !ask.identity.equals(want.identity) &&
        (experience(ask.identity)?.until ?? 0) <= NOW
      for (const ask of found) assert.ok(fits(ask))
      for (const [i, ask] of found.entries()) {
        const next = found[i + 1]
        if (!next) break
        const key = (a: ComputeCandidate): [bigint, bigint, number, string] => [
          a.baseMsat + (a.price + 9n) / 10n,
          a.price,
          -standingOf(experience(a.identity)),
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

test('a low price with a high base does not rank as a low price', () => {
  const ask = (id: number, price: bigint, baseMsat: bigint): ComputeCandidate => ({
    id: Buffer.alloc(32, id),
    identity: Buffer.alloc(32, id),
    price,
    baseMsat,
    memory: 1,
    isolation: 'bwrap',
    fuel: 'fuel/1'
  })
  const asks = [ask(1, 1_000n, 50_000n), ask(2, 40_000n, 1_000n)]
  const want: ComputeWanted = {
    memoryBytes: 1,
    isolation: 'any',
    fuel: 'fuel/1',
    maxPrice: null,
    maxMsat: 100_000n,
    identity: Buffer.alloc(32)
  }
  const order = matchCompute(asks, want, () => null, 0).map(({ id }) => id[0])
  assert.deepEqual(order, [2, 1])
  assert.equal(typicalCost({ price: TFUEL, baseMsat: 5n }), 5n + TFUEL / 10n)
})
