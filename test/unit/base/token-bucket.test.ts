import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedTokenBuckets, TokenBucket } from '../../../src/base/token-bucket.js'

test('a burst can be spent at once, and tokens come back over time', () => {
  let now = 0
  const bucket = new TokenBucket({ burst: 3, perSecond: 2 }, () => now)
  assert.deepEqual(
    [1, 2, 3, 4].map(() => bucket.spend()),
    [true, true, true, false]
  )
  now = 499
  assert.equal(bucket.spend(), false)
  now = 499 + 500
  assert.equal(bucket.spend(), true)
})

test('a bucket never holds more than the burst', () => {
  let now = 0
  const bucket = new TokenBucket({ burst: 3, perSecond: 2 }, () => now)
  now = 3_600_000
  assert.equal(bucket.left, 3)
  assert.equal(bucket.spend(3), true)
  assert.equal(bucket.spend(0.1), false)
})

test('spending more than is left spends nothing, and charging it takes all', () => {
  const bucket = new TokenBucket({ start: 2, burst: 3, perSecond: 1 }, () => 0)
  assert.deepEqual([bucket.spend(2.5), bucket.left], [false, 2])
  assert.deepEqual([bucket.charge(2.5), bucket.left], [false, 0])
})

test('setting the clock back neither adds nor removes tokens', () => {
  let now = 1_000_000
  const bucket = new TokenBucket({ burst: 2, perSecond: 1 }, () => now)
  bucket.spend()
  now = 0
  assert.equal(bucket.left, 1)
  now = 1000
  assert.equal(bucket.left, 2)
})

test('each key spends from a bucket of its own', () => {
  const buckets = new KeyedTokenBuckets({ burst: 1, perSecond: 1 }, 10, () => 0)
  const [a, b] = [Buffer.from('a'), Buffer.from('b')]
  assert.equal(buckets.charge(a), true)
  assert.equal(buckets.charge(a), false)
  assert.equal(buckets.left(b), 1)
  assert.equal(buckets.charge(b), true)
})

test('the number of keys is bounded, and the key idle for longest is forgotten', () => {
  const buckets = new KeyedTokenBuckets({ burst: 2, perSecond: 1 }, 2, () => 0)
  const [a, b, c] = [Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]
  for (const key of [a, b, a, c]) buckets.charge(key)
  assert.equal(buckets.size, 2)
  assert.deepEqual(
    [a, b, c].map(key => buckets.left(key)),
    [0, 2, 1]
  )
})
