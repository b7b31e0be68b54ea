import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BushelError } from '../../../../contracts/errors/error.js'
import {
  BLOCK_OVERHEAD,
  LEAST_PAYMENT,
  MAX_MSAT,
  MONTH,
  billedBytes,
  ceilDiv,
  formatAmount,
  formatPrice,
  least,
  most,
  parseAmount,
  parsePrice,
  totalCharge
} from '../../../../contracts/money/money.js'
import { DAY, GIB, TIB } from '../../../../contracts/money/quantity.js'

const amount = fc.bigInt({ min: 0n, max: MAX_MSAT })
const badInput = (error: unknown): boolean => error instanceof BushelError && error.exit === 2

test('a printed amount reads back equal', () => {
  fc.assert(fc.property(amount, msat => assert.equal(parseAmount(formatAmount(msat)), msat)))
})

test('a printed price reads back equal', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: MAX_MSAT }), price =>
      assert.equal(parsePrice(formatPrice(price)), price)
    )
  )
})

test('an amount is kept exactly or refused', () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(fc.nat(1e9), digits, fc.constantFrom('sat', 'msat'), (whole, fraction, unit) => {
      const scale = unit === 'sat' ? 1000n : 1n
      const parts = 10n ** BigInt(fraction.length)
      const exact = (BigInt(whole) * parts + BigInt(fraction)) * scale
      const text = `${whole}.${fraction} ${unit}`
      if (exact % parts === 0n) assert.equal(parseAmount(text), exact / parts)
      else assert.throws(() => parseAmount(text), badInput)
    })
  )
})

test('amounts are read as people write them', () => {
  const cases: [string, bigint][] = [
    ['1000 sat', 1_000_000n],
    ['2.5 sat', 2500n],
    ['1500msat', 1500n],
    [' 1_000 SATS ', 1_000_000n],
    ['1 000 000 sat', 1_000_000_000n],
    ['0 sat', 0n]
  ]
  for (const [text, msat] of cases) assert.equal(parseAmount(text), msat, text)
  const bad = [
    '',
    'sat',
    '1',
    '-1 sat',
    '1e3 sat',
    '1,5 sat',
    '0.5 msat',
    '0.0001 sat',
    '1 2 sat',
    '12 34 sat'
  ]
  for (const text of [
    ...bad,
    '1 btc',
    '0x10 sat',
    `${MAX_MSAT + 1n} msat`,
    `1${'0'.repeat(200)} sat`,
    ' '.repeat(1e5)
  ]) {
    assert.throws(() => parseAmount(text), badInput, text)
  }
})

test('prices in any unit become msat for a TiB and 30 days', () => {
  assert.equal(parsePrice('25 sat/GiB-month'), 25_000n * 1024n)
  assert.equal(parsePrice('1 msat/TiB-month'), 1n)
  assert.equal(parsePrice('1 msat/TiB-day'), 30n)
  assert.equal(parsePrice('1 sat / MiB-month'), 1000n * 1024n * 1024n)
  for (const text of [
    '25',
    '25 sat',
    '25 sat/GiB',
    '25 sat/GB-month',
    '25 sat/GiB-year',
    '0 sat/GiB-month',
    '0.5 msat/TiB-month'
  ]) {
    assert.throws(() => parsePrice(text), badInput, text)
  }
  assert.throws(() => parsePrice(`${MAX_MSAT} msat/MiB-month`), badInput)
  assert.throws(() => parsePrice(`1 sat/${' '.repeat(1e5)}`), badInput)
})

test('the charge is rounded up to an msat and is at least the minimum', () => {
  const charge = (bytes: number, time: number, price: bigint, minChargeMsat = 0n): bigint =>
    totalCharge({ bytes: BigInt(bytes), time, price, minChargeMsat })
  assert.equal(charge(GIB, 30 * DAY, parsePrice('25 sat/GiB-month')), 25_000n)
  assert.equal(charge(TIB, 15 * DAY, 2_000n), 1000n)
  assert.equal(charge(1, 1, 1n), 1000n, 'one payment')
  assert.equal(charge(1, 1, 1n, 1_700n), 1_700n)
  fc.assert(
    fc.property(
      fc.nat(TIB),
      fc.nat(100 * DAY),
      fc.bigInt({ min: 0n, max: 10n ** 12n }),
      (bytes, time, price) => {
        const total = charge(bytes, time, price)
        const exact = BigInt(bytes) * BigInt(time) * price
        const unit = BigInt(TIB) * MONTH
        assert.ok(total * unit >= exact && (total === LEAST_PAYMENT || (total - 1n) * unit < exact))
      }
    )
  )
})

test('every block is billed with its share of the tree', () => {
  const cores = [
    { length: 3, byteLength: 10 },
    { length: 1, byteLength: 5 }
  ]
  assert.equal(billedBytes(cores), 15n + 4n * BigInt(BLOCK_OVERHEAD))
  assert.equal(billedBytes([]), 0n)
})

test('amounts are printed in sat, with the thousands apart and without zeros at the end', () => {
  const cases: [bigint, string][] = [
    [0n, '0 sat'],
    [1n, '0.001 sat'],
    [12_345n, '12.345 sat'],
    [12_340n, '12.34 sat'],
    [999_000n, '999 sat'],
    [1_000_000n, '1 000 sat'],
    [1_234_567_000n, '1 234 567 sat'],
    [-2500n, '-2.5 sat']
  ]
  for (const [msat, text] of cases) assert.equal(formatAmount(msat), text)
})

test('prices are printed for a GiB where that is exact, and for a TiB otherwise', () => {
  assert.equal(formatPrice(25_000n * 1024n), '25 sat/GiB-month')
  assert.equal(formatPrice(1023n), '1.023 sat/TiB-month')
})

test('a text that is no amount or price is refused with the reason', () => {
  const cases: [() => unknown, RegExp][] = [
    [() => parseAmount('x'), /not an amount$/],
    [() => parseAmount('0.5 msat'), /not a whole number of msat$/],
    [() => parseAmount(`${MAX_MSAT + 1n} msat`), /more than all the bitcoin/],
    [() => parsePrice('x'), /not a storage price$/],
    [() => parsePrice('x 1 sat/GiB-month'), /not an amount$/],
    [() => parsePrice('1 sat/GiB-month x'), /not a storage price$/],
    [() => parsePrice('0 sat/GiB-month'), /a price of zero$/],
    [() => parsePrice(`${MAX_MSAT} msat/TiB-day`), /more than all the bitcoin/]
  ]
  for (const [parse, message] of cases) assert.throws(parse, { code: 'BAD_INPUT', message })
  for (const text of ['x 1 sat', '1 sat x', '1. sat', '1 0000 sat', '1000 000 sat'])
    assert.throws(() => parseAmount(text), badInput, text)
})

test('the longest text and the largest amount that there may be are read', () => {
  assert.equal(parseAmount('1 sat'.padStart(64)), 1000n)
  assert.throws(() => parseAmount('1 sat'.padStart(65)), badInput)
  assert.equal(parsePrice('  1 sat /  GiB-month  '), 1_024_000n)
  assert.equal(parsePrice('1 sat/GIB-Day'.padStart(64)), 30_720_000n)
  assert.throws(() => parsePrice('1 sat/GiB-day'.padStart(65)), badInput)
  assert.equal(parseAmount(`${MAX_MSAT} msat`), MAX_MSAT)
  assert.equal(parsePrice(`${MAX_MSAT} msat/TiB-month`), MAX_MSAT)
})

test('a division is rounded up, and the largest and the smallest of several amounts are found', () => {
  assert.deepEqual([ceilDiv(0n, 3n), ceilDiv(3n, 3n), ceilDiv(4n, 3n)], [0n, 1n, 2n])
  assert.deepEqual([most(2n, 9n, 4n), least(4n, 2n, 9n)], [9n, 2n])
})
