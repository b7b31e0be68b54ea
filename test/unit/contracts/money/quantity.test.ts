import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BushelError } from '../../../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../../../contracts/keys/key.js'
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

test('sizes are read in binary and decimal units', () => {
  const cases: [string, number][] = [
    ['1B', 1],
    ['1 KiB', KIB],
    ['20 MiB', 20 * MIB],
    ['500GiB', 500 * GIB],
    ['1.5 tib', 1.5 * TIB],
    ['1 kB', 1000],
    ['2.5MB', 2.5e6],
    ['1_000 GB', 1e12],
    ['1TB', 1e12]
  ]
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text)
  for (const text of [
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
  ]) {
    assert.throws(() => parseSize(text), badInput, text)
  }
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
  for (const [text, ms] of cases) assert.equal(parseTime(text), ms, text)
  for (const text of ['', '30', '1m', '1mo', '0h', '-1d', '36501d', '101y', '1d2h', '0.00000001h', '0.5ms'])
    assert.throws(() => parseTime(text), badInput, text)
})

test('a time that is shown can be typed back', () => {
  for (const ms of [5_000, 10 * MINUTE, 1.5 * HOUR, 36 * HOUR, 365 * DAY])
    assert.equal(parseTime(formatTime(ms)), ms, formatTime(ms))
})

test('sizes and times are printed for people', () => {
  assert.deepEqual([0, 1023, KIB, 1.5 * MIB, 12.34 * GIB, 3 * TIB].map(formatSize), [
    '0 B',
    '1023 B',
    '1 KiB',
    '1.5 MiB',
    '12.3 GiB',
    '3 TiB'
  ])
  assert.deepEqual([0, 5_000, 90 * 60_000, 36 * HOUR].map(formatTime), ['0s', '5s', '1.5h', '1.5d'])
})

test('keys are read in z32 or hex and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), array => {
      const key = Buffer.from(array)
      assert.deepEqual(parseKey(formatKey(key)), key)
      assert.deepEqual(parseKey(key.toString('hex')), key)
    })
  )
  const text = formatKey(Buffer.alloc(32, 7))
  for (const bad of ['', 'x', text.slice(1), text + 'y', text.replace(/^./, '!'), 'z'.repeat(63)]) {
    assert.throws(
      () => parseKey(bad),
      (error: unknown) => badInput(error) && (error as BushelError).code === 'BAD_KEY',
      bad
    )
  }
})
