import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BushelError } from '../../../../contracts/errors/error.js'
import {
  DAY,
  GIB,
  HOUR,
  KIB,
  MIB,
  MINUTE,
  TIB,
  formatSize,
  formatTime,
  parseSize,
  parseTime
} from '../../../../contracts/money/quantity.js'

const badInput = (error: unknown): boolean => error instanceof BushelError && error.exit === 2

/** Each text is read as its number, and all of `refused` are bad input. */
function assertReads(parse: (text: string) => number, cases: [string, number][], refused: string[]): void {
  for (const [text, value] of cases) assert.equal(parse(text), value, text)
  for (const text of refused) assert.throws(() => parse(text), badInput, text)
}

test('sizes are read in binary and decimal units', () => {
  const cases: [string, number][] = [
    ['1B', 1],
    ['1 KiB', KIB],
    ['20 MiB', 20 * MIB],
    ['500GiB', 500 * GIB],
    ['1.5 tib', 1.5 * TIB],
    ['12_3.25 KiB', 123.25 * KIB],
    ['1 kB', 1000],
    ['2.5MB', 2.5e6],
    ['1_000 GB', 1e12],
    ['1TB', 1e12]
  ]
  const refused = [
    '',
    '5',
    'GiB',
    '-1 GiB',
    '0 GiB',
    '0.5 B',
    '0.0001 KiB',
    '1e9 B',
    '9007199254740992 B',
    '1 PiB',
    `1${'0'.repeat(99)} B`
  ]
  assertReads(parseSize, cases, refused)
})

test('a whole number of any unit reads back equal', () => {
  const units = fc.constantFrom(
    ['B', 1],
    ['KiB', KIB],
    ['MiB', MIB],
    ['GiB', GIB],
    ['TiB', TIB],
    ['MB', 1e6]
  ) as fc.Arbitrary<[string, number]>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8000 }), units, (n, [unit, size]) =>
      assert.equal(parseSize(`${n}${unit}`), n * size)
    )
  )
})

test('times are read in every unit, from milliseconds to years', () => {
  const cases: [string, number][] = [
    ['300ms', 300],
    ['30s', 30_000],
    ['10min', 10 * MINUTE],
    ['1h', HOUR],
    ['30d', 30 * DAY],
    ['1.5 d', 36 * HOUR],
    ['4w', 28 * DAY],
    ['1y', 365 * DAY],
    ['2.5 Min', 150_000],
    ['36500d', 36500 * DAY],
    ['100y', 36500 * DAY]
  ]
  const refused = ['', '30', '1m', '1mo', '0h', '-1d', '36501d', '101y', '1d2h', '0.00000001h', '0.5ms']
  assertReads(parseTime, cases, refused)
})

test('a time that is shown can be typed back', () => {
  for (const ms of [5_000, 10 * MINUTE, 1.5 * HOUR, 36 * HOUR, 365 * DAY])
    assert.equal(parseTime(formatTime(ms)), ms, formatTime(ms))
})

test('sizes are printed in the largest unit, with three digits', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [1023, '1023 B'],
    [KIB, '1 KiB'],
    [9.994 * KIB, '9.99 KiB'],
    [10.06 * KIB, '10.1 KiB'],
    [MIB - KIB, '1023 KiB'],
    [MIB, '1 MiB'],
    [1.5 * MIB, '1.5 MiB'],
    [GIB, '1 GiB'],
    [12.34 * GIB, '12.3 GiB'],
    [TIB, '1 TiB'],
    [3000 * TIB, '3000 TiB']
  ]
  for (const [bytes, text] of cases) assert.equal(formatSize(bytes), text)
})

test('times are printed in the largest unit', () => {
  const cases: [number, string][] = [
    [0, '0s'],
    [5_400, '5s'],
    [MINUTE - 1000, '59s'],
    [MINUTE, '1min'],
    [HOUR - MINUTE, '59min'],
    [HOUR, '1h'],
    [90 * MINUTE, '1.5h'],
    [DAY - HOUR, '23h'],
    [DAY, '1d'],
    [36 * HOUR, '1.5d']
  ]
  for (const [ms, text] of cases) assert.equal(formatTime(ms), text)
})

test('spaces around a quantity do not matter, and anything else does', () => {
  assert.equal(parseSize(' 1 B '), 1)
  assert.equal(parseTime('  1   s  '), 1000)
  assert.equal(parseSize('1B'.padStart(64)), 1, '64 characters are read')
  assert.equal(parseTime('1s'.padStart(64)), 1000)
  for (const bad of ['x1 B', '1 Bx', '_1 B', '1. B', '.5 B', '1B'.padStart(65)])
    assert.throws(() => parseSize(bad), badInput, bad)
  for (const bad of ['x1 s', '1 sx', '_1 s', '1. s', '.5 s', '1s'.padStart(65)])
    assert.throws(() => parseTime(bad), badInput, bad)
})

test('a quantity that cannot be used is refused with the reason', () => {
  const cases: [() => unknown, RegExp][] = [
    [() => parseSize('0.5 B'), /not a whole number of bytes$/],
    [() => parseTime('0.5 ms'), /not a whole number of milliseconds$/],
    [() => parseSize('0 B'), /is zero$/],
    [() => parseTime('0 s'), /is zero$/],
    [() => parseSize('9007199254740992 B'), /is too large$/],
    [() => parseTime('101y'), /more than a hundred years$/]
  ]
  for (const [parse, message] of cases) assert.throws(parse, { code: 'BAD_INPUT', message })
  assert.equal(parseSize('9007199254740991 B'), Number.MAX_SAFE_INTEGER)
})
