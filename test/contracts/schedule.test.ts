import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ceilDiv } from '../../contracts/money/money.js'
import { DAY, HOUR, TIB } from '../../contracts/money/quantity.js'
import { MAX_EPOCHS, chargeOf, schedule } from '../../contracts/money/schedule.js'
import type { Epoch, Scheduled } from '../../contracts/money/schedule.js'

const YEARS_100 = 100 * 365 * DAY
const PIB = 1024 * TIB

const terms = (given: Partial<Scheduled> & { bytes?: number }): Scheduled => ({
  cores: [{ key: Buffer.alloc(32), length: 1, byteLength: given.bytes ?? 100 * 2 ** 20 }],
  price: 25_600_000n,
  time: 30 * DAY,
  minChargeMsat: 1n,
  sliceStartMsat: 5_000n,
  sliceCapMsat: 40_000n,
  ...given
})

/** What must hold of every schedule. */
function check(given: Scheduled, epochs: Epoch[]): void {
  const total = chargeOf(given)
  assert.equal(
    epochs.reduce((sum, epoch) => sum + epoch.msat, 0n),
    total,
    'nothing is lost to rounding'
  )
  assert.equal(epochs[0]!.start, 0)
  assert.equal(epochs.at(-1)!.end, given.time)
  assert.ok(epochs.length <= MAX_EPOCHS + 16, `${epochs.length} epochs`)

  const floor = ceilDiv(total, BigInt(MAX_EPOCHS))
  const cap = [given.sliceCapMsat, floor, 1n].reduce((a, b) => (a > b ? a : b))
  /** What one ms costs: an epoch ends on a whole one. */
  const grain = ceilDiv(total, BigInt(given.time))
  let slice = given.sliceStartMsat > floor ? given.sliceStartMsat : floor
  let at = 0
  for (const [i, epoch] of epochs.entries()) {
    assert.equal(epoch.number, i)
    assert.equal(epoch.start, at)
    assert.ok(epoch.end > epoch.start && Number.isSafeInteger(epoch.end))
    assert.ok(epoch.msat > 0n)
    at = epoch.end
    if (slice > cap) slice = cap
    const last = i === epochs.length - 1
    assert.ok(epoch.msat <= slice + grain, `epoch ${i}: ${epoch.msat} of ${slice}`)
    if (!last) assert.ok(epoch.msat >= slice, `epoch ${i}: ${epoch.msat} below ${slice}`)
    slice *= 2n
  }
}

test('amounts double from the start to the cap, and the last is what is left', () => {
  const given = terms({ bytes: 2 ** 30 - 128, price: 200_000n * 1024n })
  const epochs = schedule(given)
  assert.deepEqual(
    epochs.map(epoch => epoch.msat),
    [5_000n, 10_000n, 20_000n, 40_000n, 40_000n, 40_000n, 40_000n, 5_000n]
  )
  check(given, epochs)
})

test('any schedule: whole, without gaps, exact, and the same again', () => {
  const arbitrary = fc.record({
    bytes: fc.oneof(fc.integer({ min: 1, max: PIB }), fc.integer({ min: 1, max: 1e9 })),
    time: fc.oneof(fc.integer({ min: 1, max: YEARS_100 }), fc.integer({ min: 1, max: 1000 })),
    price: fc.oneof(fc.bigInt({ min: 1n, max: 10n ** 6n }), fc.bigInt({ min: 1n, max: 10n ** 15n })),
    minChargeMsat: fc.bigInt({ min: 1n, max: 10n ** 7n }),
    sliceStartMsat: fc.bigInt({ min: 1n, max: 10n ** 6n }),
    above: fc.bigInt({ min: 0n, max: 10n ** 7n })
  })
  fc.assert(
    fc.property(arbitrary, ({ above, ...rest }) => {
      const given = terms({ ...rest, sliceCapMsat: rest.sliceStartMsat + above })
      const epochs = schedule(given)
      check(given, epochs)
      assert.deepEqual(schedule(structuredClone(given)), epochs)
    }),
    { numRuns: 200 }
  )
})

test('the ends of what can be asked for are fast', () => {
  const prices = [1n, 25_600_000n, 10n ** 15n]
  const began = performance.now()
  let count = 0
  for (const bytes of [1, PIB]) {
    for (const time of [1, HOUR, YEARS_100]) {
      for (const price of prices) {
        for (const sliceCapMsat of [1n, 40_000n, 2n ** 60n]) {
          const given = terms({ bytes, time, price, sliceStartMsat: 1n, sliceCapMsat })
          check(given, schedule(given))
          count++
        }
      }
    }
  }
  const each = (performance.now() - began) / count
  assert.ok(each < 50, `${each} ms each`)
})

test('a lease that costs less than its first slice is paid at once', () => {
  const given = terms({ bytes: 1, time: HOUR, price: 1n, minChargeMsat: 1n })
  assert.deepEqual(schedule(given), [{ number: 0, start: 0, end: HOUR, msat: 1n }])
})
