import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BushelError } from '../../../contracts/errors/error.js'
import { LEAST_PAYMENT, SAT, leastPaymentOf } from '../../../contracts/money/money.js'
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
  .tuple(
    ...[msat(10n ** 9n), msat(10n ** 5n), msat(10n ** 5n), msat(10n ** 6n), msat(10n ** 9n)],
    fc.option(fc.bigInt({ min: LEAST_PAYMENT, max: 100n * SAT }))
  )
  .map(([price, baseMsat, firstInstallmentMsat, more, rest, leastMsat]) => ({
    ...{ price, baseMsat, firstInstallmentMsat, leastMsat },
    maxInstallmentMsat: firstInstallmentMsat + more,
    maxMsat: baseMsat + rest + leastPaymentOf({ leastMsat })
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

test('segments begin with the base, double, sum to the maximum cost of a job, and none is too small to be paid', () => {
  fc.assert(
    fc.property(prices, terms => {
      const segments = jobSegments(terms)
      const least = leastPaymentOf(terms)
      for (const part of segments) assert.ok(part >= least, `${part} is below the least payment`)
      assert.ok(segments[0]! >= terms.baseMsat)
      assert.ok(segments.length === 1 || segments[0] === (terms.baseMsat > least ? terms.baseMsat : least))
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
      const forgone = jobCost(terms, fuel) - segmentsMsat(terms, paid) - last
      const least = leastPaymentOf(terms)
      assert.ok(last === 0n ? forgone < least : forgone === 0n && last >= least)
      assert.ok(forgone >= 0n)
      assert.ok(last <= (segments[paid] ?? 0n))
      assert.ok(jobCost(terms, fuel) <= terms.maxMsat)
    })
  )
})

const price = (given: Partial<JobPrice>): JobPrice => ({
  ...{
    price: 1000n * SAT,
    ...{ baseMsat: 100n * SAT, firstInstallmentMsat: 10n * SAT },
    ...{ maxInstallmentMsat: 40n * SAT, maxMsat: 250n * SAT }
  },
  ...given
})

const sats = (amounts: bigint[]): bigint[] => amounts.map(amount => amount * SAT)
/** The fuel of 1 sat at that price. */
const EACH = TFUEL / 1000n

test('a job costs its base and its fuel, rounded up, and at most its maximum', () => {
  assert.equal(jobCost(price({}), 0n), 100n * SAT)
  assert.equal(jobCost(price({}), 1n), 100n * SAT + 1n)
  assert.equal(jobCost(price({}), EACH), 101n * SAT)
  assert.equal(jobCost(price({}), EACH + 1n), 101n * SAT + 1n)
  assert.equal(jobCost(price({}), TFUEL), 250n * SAT)
})

test('the payments of a job are listed in advance', () => {
  const listed = (given: Partial<JobPrice>): bigint[] => jobSegments(price(given))
  assert.deepEqual(listed({}), sats([100n, 10n, 20n, 40n, 40n, 40n]))
  assert.deepEqual(listed({ maxMsat: 255n * SAT }), sats([100n, 10n, 20n, 40n, 40n, 40n, 5n]))
  assert.deepEqual(listed({ maxMsat: 100n * SAT }), sats([100n]), 'the base is all')
  assert.deepEqual(listed({ maxMsat: 60n * SAT }), sats([60n]), 'a base above the maximum')
  const first = { firstInstallmentMsat: 60n * SAT, maxMsat: 190n * SAT }
  assert.deepEqual(listed(first), sats([100n, 40n, 40n, 10n]))
})

test('no payment of a job is below 1 sat: a rest joins the segment before it', () => {
  const listed = (given: Partial<JobPrice>): bigint[] => jobSegments(price(given))
  const rest = 250n * SAT + 1n
  assert.deepEqual(listed({ maxMsat: rest }), [...sats([100n, 10n, 20n, 40n, 40n]), 40n * SAT + 1n])
  assert.deepEqual(listed({ maxMsat: 100n * SAT + 999n }), [100n * SAT + 999n], 'it joins the base')
  assert.equal(jobCost(price({ maxMsat: 100n * SAT + 999n }), 0n), 100n * SAT + 999n, 'and is the cost')
  const tiny = { baseMsat: 1n, firstInstallmentMsat: 1n, maxInstallmentMsat: 1n, maxMsat: 3n * SAT }
  assert.deepEqual(listed(tiny), sats([1n, 1n, 1n]))
  assert.equal(jobCost(price(tiny), 0n), SAT, 'a base below 1 sat pays for fuel too')
  assert.equal(jobCost(price(tiny), EACH / 2n), SAT)
  assert.equal(finalMsat(price(tiny), EACH / 2n, 1), 0n)
})

test('no payment of a job is below what its provider states', () => {
  const given = price({ baseMsat: 1n, leastMsat: 30n * SAT, maxMsat: 250n * SAT })
  assert.deepEqual(jobSegments(given), sats([30n, 30n, 40n, 40n, 40n, 40n, 30n]))
  assert.equal(finalMsat(given, 59n * EACH, 1), 0n, 'the provider forgoes what it cannot receive')
  assert.equal(finalMsat(given, 60n * EACH - EACH / 2n, 1), 0n)
  assert.equal(finalMsat(given, 60n * EACH, 1), 30n * SAT + 1n)
})

test('a job with a large maximum has larger segments, not more of them', () => {
  const segments = jobSegments(price({ maxMsat: (100n + 100n * BigInt(MAX_SEGMENTS)) * SAT }))
  assert.deepEqual(segments.slice(0, 7), sats([100n, 10n, 20n, 40n, 80n, 100n, 100n]))
  assert.ok(segments.length <= MAX_SEGMENTS + 8)
})

test('the first payment is the base, the one with the last number the rest, the others are segments', () => {
  assert.deepEqual([0, 1, FINAL_INSTALLMENT - 1, FINAL_INSTALLMENT].map(partOf), [
    ...['base', 'segment', 'segment', 'rest']
  ])
})

test('each paid segment allows the fuel of the next one', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 9].map(paid => fuelFor(price({}), paid)),
    [0n, 10n, 30n, 70n, 110n, 150n].map(sat => sat * EACH)
  )
  assert.equal(mostFuel(price({})), 150n * EACH)
  assert.equal(mostFuel(price({ maxMsat: 60n * SAT })), 0n)
  assert.equal(fuelFor(price({ maxMsat: 60n * SAT }), 1), 0n)
})

test('the last payment is what the paid segments leave of the cost, unless it is too small to be paid', () => {
  assert.equal(segmentsMsat(price({}), 3), 130n * SAT)
  assert.equal(finalMsat(price({}), 35n * EACH, 3), 5n * SAT)
  assert.equal(finalMsat(price({}), 31n * EACH, 3), SAT)
  assert.equal(finalMsat(price({}), 31n * EACH - 1n, 3), SAT, 'a part of a msat counts as one')
  assert.equal(finalMsat(price({}), 30n * EACH + 1n, 3), 0n, 'the provider forgoes 1 msat')
  assert.equal(finalMsat(price({}), 30n * EACH, 3), 0n)
  assert.equal(finalMsat(price({}), 0n, 3), 0n, 'a provider that was paid too much keeps nothing back')
})
