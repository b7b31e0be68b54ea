import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { matchCompute, typicalCost } from '../../../src/compute/buyer/matching.js'
import type { ComputeCandidate, ComputeWanted } from '../../../src/compute/buyer/matching.js'
import { standingOf } from '../../../src/deal/sellers/matching.js'
import { asksOf, assertOrderOfInputIgnored, assertRanking, identity } from './ranking.js'
import type { Ranking } from './ranking.js'

const TFUEL = 1_000_000_000_000n
const ranking: Ranking<ComputeCandidate, ComputeWanted> = {
  rank: matchCompute,
  asks: asksOf(
    fc.record({
      identity,
      price: fc.bigInt({ min: 1n, max: 60n }),
      baseMsat: fc.bigInt({ min: 1n, max: 6n }),
      memory: fc.integer({ min: 50, max: 150 }),
      isolation: fc.constantFrom('bwrap', 'process'),
      fuel: fc.constantFrom('fuel/1', 'fuel/1', 'fuel/2')
    })
  ),
  wanted: fc.record({
    memoryBytes: fc.constant(100),
    isolation: fc.constantFrom('bwrap' as const, 'any' as const),
    fuel: fc.constant('fuel/1'),
    maxPrice: fc.option(fc.bigInt({ min: 1n, max: 60n })),
    maxMsat: fc.bigInt({ min: 2n, max: 7n }),
    identity
  })
}

test('the same compute asks are ranked equally in any input order, and the input is unchanged', () => {
  assertOrderOfInputIgnored(ranking)
})

test('only fitting asks are ranked, by cost of a typical job, price, record of the provider and id, at most two per identity', () => {
  assertRanking(ranking, {
    serves: (ask, want) =>
      ask.memory >= 100 &&
      ask.fuel === 'fuel/1' &&
      (want.isolation === 'any' || ask.isolation === 'bwrap') &&
      ask.baseMsat < want.maxMsat,
    key: (ask, record) => [
      ask.baseMsat + (ask.price + 9n) / 10n,
      ask.price,
      -standingOf(record),
      ask.id.toString('hex')
    ]
  })
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
