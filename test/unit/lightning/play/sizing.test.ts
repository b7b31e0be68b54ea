import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  channelValueSat,
  leastValueSat,
  newChannelMsat,
  pushSat,
  reserveSat
} from '../../../../src/lightning/backends/play/sizing.js'

const need = fc.bigInt({ min: 0n, max: 10n ** 14n })
const payable = (value: bigint): bigint => value - pushSat(value) - reserveSat(value)

test('the smallest channel carries the needed amount with its fees, and no smaller one would', () => {
  fc.assert(
    fc.property(need, sat => {
      const value = leastValueSat(sat)
      assert.ok(payable(value) >= sat + 6_000n)
      assert.ok(payable(value) <= sat + 6_010n)
    })
  )
})

test('a channel is never larger than the remaining balance, and always large enough', () => {
  fc.assert(
    fc.property(need, need, (msat, left) => {
      const value = channelValueSat(msat, left)
      const needed = leastValueSat((msat + 999n) / 1000n)
      if (value === null) assert.ok(needed > left / 1000n)
      else assert.ok(value >= needed && value * 1000n <= left)
    })
  )
})

test('a small amount gets a small share of the grant, a large one twice its amount', () => {
  assert.equal(channelValueSat(1n, 10n ** 9n), 25_000n)
  assert.equal(channelValueSat(1n, 10n ** 11n), 200_000n)
  assert.equal(channelValueSat(400_000_000n, 10n ** 9n), leastValueSat(806_000n))
  assert.equal(channelValueSat(600_000_000n, 10n ** 9n), 1_000_000n)
  assert.equal(channelValueSat(990_000_000n, 10n ** 9n), null)
})

test('the grant is enough for channels to 50 nodes', () => {
  let left = 1_000_000n
  let channels = 0
  for (let value; (value = channelValueSat(1000n, left * 1000n)) !== null; channels++) left -= value
  assert.ok(channels >= 50, String(channels))
})

test('eight channels, which a node accepts of another, carry half of the grant to one node', () => {
  let [left, open] = [1_000_000n, 0n]
  for (let channels = 0; channels < 8; channels++) {
    const value = channelValueSat(1000n, left * 1000n, open * 1000n)!
    left -= value
    open += value
  }
  assert.ok(open >= 500_000n, String(open))
})

test('what a new channel can carry is what one is opened for, and hardly more', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n }), left => {
      const carried = newChannelMsat(left)
      if (carried > 0n) assert.notEqual(channelValueSat(carried, left), null)
      assert.equal(channelValueSat(carried + 10_000n, left), null)
    })
  )
})
