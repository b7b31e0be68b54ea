import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BushelError } from '../../../contracts/errors/error.js'
import {
  FINAL_INSTALLMENT,
  MAX_SEGMENTS,
  TFUEL,
  finalMsat,
  formatFuelPrice,
  fuelFor,
  jobCost,
  jobSegments,
  mostFuel,
  parseFuelPrice,
  partOf,
  segmentsMsat
} from '../../../contracts/job.js'
import type { JobPrice } from '../../../contracts/job.js'

const msat = (max: bigint) => fc.bigInt({ min: 1n, max })
const prices: fc.Arbitrary<JobPrice> = fc
  .tuple(msat(10n ** 9n), msat(10n ** 5n), msat(10n ** 5n), msat(10n ** 6n), msat(10n ** 9n))
  .map(([price, baseMsat, firstInstallmentMsat, more, rest]) => ({
    ...{ price, baseMsat, firstInstallmentMsat },
    maxInstallmentMsat: firstInstallmentMsat + more,
    maxMsat: baseMsat + rest
  }))

test('a compute price reads back as it was written', () => {
  assert.equal(parseFuelPrice('40 sat/Tfuel'), 40_000n)
  assert.equal(parseFuelPrice('40 sat/Gfuel'), 40_000_000n)
  assert.equal(formatFuelPrice(40_000n), '40 sat/Tfuel')
  assert.equal(parseFuelPrice('  40sat /  tFUEL '), 40_000n)
  assert.equal(parseFuelPrice(`${'0'.repeat(52)}40 sat/Tfuel`.padStart(64)), 40_000n, '64 characters')
  for (const text of [
    ...['', '40 sat', '40/Tfuel/Tfuel', '0 sat/Tfuel', '40 sat/Mfuel', 'x 40 sat/Tfuel', '40 sat/Tfuel x'],
    '40 sat/Tfuel'.padStart(65)
  ])
    assert.throws(
      () => parseFuelPrice(text),
      (error: unknown) => error instanceof BushelError && error.code === 'BAD_INPUT',
      text
    )
})

test('segments begin with the base, double, and sum to the maximum cost of a job', () => {
  fc.assert(
    fc.property(prices, terms => {
      const segments = jobSegments(terms)
      assert.equal(segments[0], terms.baseMsat)
      assert.equal(
        segments.reduce((sum, part) => sum + part, 0n),
        terms.maxMsat
      )
      assert.ok(segments.length <= MAX_SEGMENTS + 1 + 64)
      segments
        .slice(2, -1)
        .forEach((part, i) => assert.ok(part === segments[i + 1]! * 2n || part >= segments[i + 1]!))
    })
  )
})

test('unpaid fuel never exceeds a segment, and payments never exceed the cost', () => {
  fc.assert(
    fc.property(prices, fc.double({ min: 0, max: 1, noNaN: true }), (terms, share) => {
      const fuel = (mostFuel(terms) * BigInt(Math.round(share * 1e9))) / 1_000_000_000n
      // As at a provider: a segment falls due when the fuel before it is used up.
      const segments = jobSegments(terms)
      let paid = 1
      while (paid < segments.length && fuel > fuelFor(terms, paid)) paid++
      assert.ok(fuel <= fuelFor(terms, paid))
      const last = finalMsat(terms, fuel, paid)
      assert.equal(segmentsMsat(terms, paid) + last, jobCost(terms, fuel))
      assert.ok(last <= (segments[paid] ?? 0n))
      assert.ok(jobCost(terms, fuel) <= terms.maxMsat)
    })
  )
})

const price = (given: Partial<JobPrice>): JobPrice => ({
  ...{ price: 1000n, baseMsat: 100n, firstInstallmentMsat: 10n, maxInstallmentMsat: 40n, maxMsat: 250n },
  ...given
})

test('a job costs its base and its fuel, rounded up, and at most its maximum', () => {
  assert.equal(jobCost(price({}), 0n), 100n)
  assert.equal(jobCost(price({}), 1n), 101n)
  assert.equal(jobCost(price({}), TFUEL / 1000n), 101n)
  assert.equal(jobCost(price({}), TFUEL / 1000n + 1n), 102n)
  assert.equal(jobCost(price({}), TFUEL), 250n)
})

test('the payments of a job are listed in advance', () => {
  assert.deepEqual(jobSegments(price({})), [100n, 10n, 20n, 40n, 40n, 40n])
  assert.deepEqual(jobSegments(price({ maxMsat: 255n })), [100n, 10n, 20n, 40n, 40n, 40n, 5n])
  assert.deepEqual(jobSegments(price({ maxMsat: 100n })), [100n], 'the base is all')
  assert.deepEqual(jobSegments(price({ maxMsat: 60n })), [60n], 'a base above the maximum')
  assert.deepEqual(jobSegments(price({ firstInstallmentMsat: 60n, maxMsat: 190n })), [100n, 40n, 40n, 10n])
  assert.deepEqual(jobSegments(price({ firstInstallmentMsat: 0n, maxInstallmentMsat: 0n, maxMsat: 102n })), [
    ...[100n, 1n, 1n]
  ])
})

test('a job with a large maximum has larger segments, not more of them', () => {
  const segments = jobSegments(price({ maxMsat: 100n + 100n * BigInt(MAX_SEGMENTS) }))
  assert.deepEqual(segments.slice(0, 7), [100n, 10n, 20n, 40n, 80n, 100n, 100n])
  assert.ok(segments.length <= MAX_SEGMENTS + 8)
})

test('the first payment is the base, the one with the last number the rest, the others are segments', () => {
  assert.deepEqual([0, 1, FINAL_INSTALLMENT - 1, FINAL_INSTALLMENT].map(partOf), [
    ...['base', 'segment', 'segment', 'rest']
  ])
})

test('each paid segment allows the fuel of the next one', () => {
  const each = TFUEL / 1000n
  assert.deepEqual(
    [0, 1, 2, 3, 4, 9].map(paid => fuelFor(price({}), paid)),
    [0n, 10n, 30n, 70n, 110n, 150n].map(msat => msat * each)
  )
  assert.equal(mostFuel(price({})), 150n * each)
  assert.equal(mostFuel(price({ maxMsat: 60n })), 0n)
  assert.equal(fuelFor(price({ maxMsat: 60n }), 1), 0n)
})

test('the last payment is what the paid segments leave of the cost', () => {
  const each = TFUEL / 1000n
  assert.equal(segmentsMsat(price({}), 3), 130n)
  assert.equal(finalMsat(price({}), 35n * each, 3), 5n)
  assert.equal(finalMsat(price({}), 30n * each, 3), 0n)
  assert.equal(finalMsat(price({}), 0n, 3), 0n, 'a provider that was paid too much keeps nothing back')
})
