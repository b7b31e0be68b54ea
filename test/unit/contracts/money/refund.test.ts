import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import fc from 'fast-check'
import type { Terms } from '#spec'
import { DAY, HOUR } from '../../../../contracts/money/quantity.js'
import { LEAST_PAYMENT } from '../../../../contracts/money/money.js'
import { consumedMsat } from '../../../../contracts/money/refund.js'
import { chargeOf, planInstallments } from '../../../../contracts/money/installments.js'
import { paidInstallment } from '../../../samples/evidence/paid-installment.js'
import { person } from '../../../samples/people.js'

let terms: Terms
let charge: bigint

before(async () => {
  const [[buyer], [provider]] = [await person(), await person()]
  terms = paidInstallment(buyer!, provider!).terms
  charge = chargeOf(terms)
  assert.ok(charge > 2n * terms.minChargeMsat)
})

test('half of the time uses half of the charge, and all of the time uses all of it', () => {
  assert.equal(consumedMsat(terms, terms.time / 2, charge), (charge + 1n) / 2n)
  assert.equal(consumedMsat(terms, terms.time, charge), charge)
})

test('a fraction of an msat counts as one', () => {
  const at = terms.time / 2
  const exact = (charge * BigInt(at + 1)) / BigInt(terms.time)
  assert.equal(consumedMsat(terms, at + 1, charge), exact + 1n)
})

test('the minimum charge is used up from the start', () => {
  assert.equal(consumedMsat(terms, 0, charge), terms.minChargeMsat)
  assert.equal(consumedMsat(terms, HOUR, charge), terms.minChargeMsat)
})

test('the used part never exceeds what was paid, not even under the minimum charge', () => {
  assert.equal(consumedMsat(terms, terms.time, charge - 5n), charge - 5n)
  assert.equal(consumedMsat(terms, terms.time, 0n), 0n)
  assert.equal(consumedMsat(terms, 0, terms.minChargeMsat - 1n), terms.minChargeMsat - 1n)
})

test('times outside the agreement are clamped to it, and fractions of an ms are dropped', () => {
  assert.equal(consumedMsat(terms, -DAY, charge), terms.minChargeMsat)
  assert.equal(consumedMsat(terms, terms.time + DAY, 2n * charge), charge)
  const half = terms.time / 2
  assert.equal(consumedMsat(terms, half + 0.9, charge), consumedMsat(terms, half, charge))
})

test('the used part at the end of an installment is what was due by then, and it never falls', () => {
  let due = 0n
  for (const { end, msat } of planInstallments(terms)) {
    due += msat
    const least = due > terms.minChargeMsat ? due : terms.minChargeMsat
    assert.equal(consumedMsat(terms, end, charge), least)
  }
  fc.assert(
    fc.property(fc.nat(terms.time), fc.nat(DAY), (at, later) => {
      assert.ok(consumedMsat(terms, at + later, charge) >= consumedMsat(terms, at, charge))
    })
  )
})

test('a refund below 1 sat is none: what is left of the payment counts as used up', () => {
  const half = consumedMsat(terms, terms.time / 2, charge)
  assert.equal(consumedMsat(terms, terms.time / 2, half + LEAST_PAYMENT - 1n), half + LEAST_PAYMENT - 1n)
  assert.equal(consumedMsat(terms, terms.time / 2, half + LEAST_PAYMENT), half)
})
