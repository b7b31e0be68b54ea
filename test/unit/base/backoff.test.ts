import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backoff, KeyedBackoff } from '../../../src/base/backoff.js'

test('delays grow by the factor up to the maximum and start over after a reset', () => {
  const backoff = new Backoff({ first: 100, last: 1000, factor: 3 })
  assert.deepEqual(
    [1, 2, 3, 4].map(() => backoff.next()),
    [100, 300, 900, 1000]
  )
  assert.equal(backoff.tries, 4)
  backoff.reset()
  assert.equal(backoff.tries, 0)
  assert.equal(backoff.next(), 100)
})

test('a delay stays at the maximum, however many attempts follow', () => {
  const backoff = new Backoff({ first: 1, last: 5000 })
  for (let i = 0; i < 5000; i++) backoff.next()
  assert.equal(backoff.next(), 5000)
})

test('the first attempt is due at once, the second after the first delay, the third after twice that', () => {
  let now = 0
  const backoff = new Backoff({ first: 10, last: 40 }, () => now)
  const due: number[] = []
  for (; now <= 120; now++) if (backoff.isDue()) due.push(now)
  assert.deepEqual(due, [0, 10, 30, 70, 110])
})

test('each key has a delay of its own, and a reset key is due at once', () => {
  let now = 0
  const backoff = new KeyedBackoff({ first: 10, last: 40 }, () => now)
  const [a, b] = [Buffer.from('a'), Buffer.from('b')]
  assert.equal(backoff.isDue(a), true)
  assert.equal(backoff.isDue(b), true)
  assert.equal(backoff.isDue(a), false)
  backoff.reset(a)
  assert.equal(backoff.isDue(a), true)
  now = 9
  assert.equal(backoff.isDue(b), false)
  now = 10
  assert.equal(backoff.isDue(b), true)
})
