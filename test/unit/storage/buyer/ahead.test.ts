import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SAT } from '../../../../contracts/money/money.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { aheadIn, aheadShare, aheadTime } from '../../../../src/storage/buyer/placing/ahead.js'

const MUCH = 1_000_000n * SAT

/** Days and sats that are paid ahead for a copy that costs so much for a year. */
function ahead(
  satAYear: bigint,
  { served = 0, stated = 0, prepayMaxMsat = MUCH, copies = 1 } = {}
): { days: number; sat: bigint } {
  const how = aheadIn({ prepayMaxMsat, copies, ahead: stated * DAY })
  const lease = { chargeMsat: satAYear * SAT, time: 365 * DAY, servedMs: served * DAY }
  return { days: Math.round(aheadTime(how, lease) / DAY), sat: aheadShare(how, lease) / SAT }
}

test('a cheap copy is paid thirty days ahead, a dear one only for what 1,000 sat buy', () => {
  assert.deepEqual(ahead(60n), { days: 30, sat: 4n })
  assert.deepEqual(ahead(36_500n), { days: 10, sat: 1000n })
})

test('a provider is trusted with as much time as it has served, up to thirty days', () => {
  assert.deepEqual(ahead(36_500n, { served: 5 }), { days: 10, sat: 1000n })
  assert.deepEqual(ahead(36_500n, { served: 20 }), { days: 20, sat: 2000n })
  assert.deepEqual(ahead(36_500n, { served: 300 }), { days: 30, sat: 3000n })
})

test('what the owner says is taken at its word, within the most to pay ahead', () => {
  assert.deepEqual(ahead(36_500n, { stated: 90 }), { days: 90, sat: 9000n })
  assert.deepEqual(ahead(36_500n, { stated: 2 }), { days: 2, sat: 200n })
  assert.deepEqual(ahead(36_500n, { stated: 365 }), { days: 365, sat: 36_500n })
  assert.deepEqual(ahead(36_500n, { stated: 90, prepayMaxMsat: 2000n * SAT, copies: 2 }), {
    days: 10,
    sat: 1000n
  })
})

test('a copy that costs nothing is paid for its whole time', () => {
  assert.deepEqual(ahead(0n, { stated: 365 }), { days: 365, sat: 0n })
})
