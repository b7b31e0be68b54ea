import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LEAST_PAYMENT, SAT, ceilDiv, leastPaymentOf } from '../../../../contracts/money/money.js'
import { DAY, HOUR, TIB } from '../../../../contracts/money/quantity.js'
import {
  MAX_INSTALLMENTS,
  aheadOf,
  chargeOf,
  planInstallments
} from '../../../../contracts/money/installments.js'
import type { Installment, InstallmentTerms } from '../../../../contracts/money/installments.js'

const YEARS_100 = 100 * 365 * DAY
const PIB = 1024 * TIB

const terms = (given: Partial<InstallmentTerms> & { bytes?: number }): InstallmentTerms => ({
  cores: [{ length: 1, byteLength: given.bytes ?? 100 * 2 ** 20 }],
  price: 25_600_000n,
  time: 30 * DAY,
  minChargeMsat: 1n,
  firstInstallmentMsat: 5_000n,
  maxInstallmentMsat: 40_000n,
  ...given
})

/** What must hold for every schedule. */
function check(given: InstallmentTerms, installments: Installment[]): void {
  const total = chargeOf(given)
  assert.equal(
    installments.reduce((sum, installment) => sum + installment.msat, 0n),
    total,
    'nothing is lost to rounding'
  )
  assert.equal(installments[0]!.start, 0)
  assert.equal(installments.at(-1)!.end, given.time)
  assert.ok(installments.length <= MAX_INSTALLMENTS + 16, `${installments.length} installments`)

  const floor = ceilDiv(total, BigInt(MAX_INSTALLMENTS))
  const least = leastPaymentOf(given)
  const cap = [given.maxInstallmentMsat, floor, least].reduce((a, b) => (a > b ? a : b))
  /** The price of one ms: an installment ends on a whole ms. */
  const grain = ceilDiv(total, BigInt(given.time))
  let listed = [given.firstInstallmentMsat, floor, least].reduce((a, b) => (a > b ? a : b))
  let at = 0
  for (const [i, installment] of installments.entries()) {
    assert.equal(installment.number, i)
    assert.equal(installment.start, at)
    assert.ok(installment.end > installment.start && Number.isSafeInteger(installment.end))
    assert.ok(installment.msat >= least, `installment ${i}: ${installment.msat} is below the least payment`)
    at = installment.end
    if (listed > cap) listed = cap
    const last = i === installments.length - 1
    // The last one takes a rest that is too small to be paid.
    const most = last ? listed + grain + least : listed + grain
    assert.ok(installment.msat <= most, `installment ${i}: ${installment.msat} of ${listed}`)
    if (!last) assert.ok(installment.msat >= listed, `installment ${i}: ${installment.msat} below ${listed}`)
    listed *= 2n
  }
}

test('amounts double from the start to the cap, and the last one is the rest', () => {
  const given = terms({ bytes: 2 ** 30 - 128, price: 200_000n * 1024n })
  const installments = planInstallments(given)
  assert.deepEqual(
    installments.map(installment => installment.msat),
    [5_000n, 10_000n, 20_000n, 40_000n, 40_000n, 40_000n, 40_000n, 5_000n]
  )
  check(given, installments)
})

test('any schedule is whole, without gaps, exact and reproducible', () => {
  const arbitrary = fc.record({
    bytes: fc.oneof(fc.integer({ min: 1, max: PIB }), fc.integer({ min: 1, max: 1e9 })),
    time: fc.oneof(fc.integer({ min: 1, max: YEARS_100 }), fc.integer({ min: 1, max: 1000 })),
    price: fc.oneof(fc.bigInt({ min: 1n, max: 10n ** 6n }), fc.bigInt({ min: 1n, max: 10n ** 15n })),
    minChargeMsat: fc.bigInt({ min: 1n, max: 10n ** 7n }),
    firstInstallmentMsat: fc.bigInt({ min: 1n, max: 10n ** 6n }),
    leastMsat: fc.option(fc.bigInt({ min: LEAST_PAYMENT, max: 10n ** 6n })),
    above: fc.bigInt({ min: 0n, max: 10n ** 7n })
  })
  fc.assert(
    fc.property(arbitrary, ({ above, ...rest }) => {
      const given = terms({ ...rest, maxInstallmentMsat: rest.firstInstallmentMsat + above })
      const installments = planInstallments(given)
      check(given, installments)
      assert.deepEqual(planInstallments(structuredClone(given)), installments)
    }),
    { numRuns: 200 }
  )
})

test('no installment is empty or takes no time, whether a ms costs more or less than a msat', () => {
  for (let total = 1n; total <= 24n; total++) {
    for (let time = 1; time <= 24; time++) {
      for (const [first, most] of [
        [1n, 1n],
        [1n, 4n],
        [2n, 3n],
        [5n, 8n],
        [7n, 7n]
      ] as const) {
        const amounts = {
          minChargeMsat: total * SAT,
          firstInstallmentMsat: first * SAT,
          maxInstallmentMsat: most * SAT
        }
        const given = terms({ bytes: 1, price: 1n, time, ...amounts })
        assert.equal(chargeOf(given), total * SAT)
        check(given, planInstallments(given))
      }
    }
  }
})

test('schedules of extreme terms have a bounded number of installments', () => {
  const prices = [1n, 25_600_000n, 10n ** 15n]
  for (const bytes of [1, PIB]) {
    for (const time of [1, HOUR, YEARS_100]) {
      for (const price of prices) {
        for (const maxInstallmentMsat of [1n, 40_000n, 2n ** 60n]) {
          const given = terms({ bytes, time, price, firstInstallmentMsat: 1n, maxInstallmentMsat })
          check(given, planInstallments(given))
        }
      }
    }
  }
})

test('a lease that costs less than its first installment is paid at once', () => {
  const given = terms({ bytes: 1, time: HOUR, price: 1n, minChargeMsat: 2_000n })
  assert.deepEqual(planInstallments(given), [{ number: 0, start: 0, end: HOUR, msat: 2_000n }])
})

test('a lease costs at least 1 sat, or what its provider states as its least payment', () => {
  const given = terms({ bytes: 1, time: HOUR, price: 1n, minChargeMsat: 1n })
  assert.deepEqual(planInstallments(given), [{ number: 0, start: 0, end: HOUR, msat: LEAST_PAYMENT }])
  assert.equal(chargeOf({ ...given, leastMsat: 100n * SAT }), 100n * SAT)
})

test('a rest below the least payment joins the installment before it', () => {
  const amounts = (given: Partial<InstallmentTerms>): bigint[] =>
    planInstallments(terms({ bytes: 1, price: 1n, ...given })).map(({ msat }) => msat)
  assert.deepEqual(amounts({ minChargeMsat: 35_001n }), [5_000n, 10_000n, 20_001n])
  assert.deepEqual(amounts({ minChargeMsat: 35_999n }), [5_000n, 10_000n, 20_999n])
  assert.deepEqual(amounts({ minChargeMsat: 36_000n }), [5_000n, 10_000n, 20_000n, 1_000n])
  const least = { leastMsat: 8_000n }
  assert.deepEqual(amounts({ minChargeMsat: 30_000n, ...least }), [8_000n, 22_000n])
  assert.deepEqual(amounts({ minChargeMsat: 32_000n, ...least }), [8_000n, 16_000n, 8_000n])
})

test('what is paid ahead takes a rest that would be too small by itself', () => {
  const first = { firstInstallmentMsat: 5_000n }
  assert.equal(aheadOf(5_999n, 0n, first), 5_999n)
  assert.equal(aheadOf(6_000n, 0n, first), 5_000n)
  assert.equal(aheadOf(100_000n, 50_000n, first), 50_000n)
  assert.equal(aheadOf(100_000n, 0n, { ...first, leastMsat: 20_000n }), 20_000n)
})
