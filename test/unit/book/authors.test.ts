import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Authors } from '../../../src/book/relay/authors.js'
import { ManualClock } from '../../doubles/manual-clock.js'

test('the book is read whole for its devices at most every ten seconds, whoever asks', async () => {
  const clock = new ManualClock()
  let [reads, devices] = [0, new Set(['01'])]
  const authors = new Authors(async () => {
    reads++
    return devices
  }, clock)
  assert.deepEqual(await Promise.all([authors.has(Buffer.of(1)), authors.has(Buffer.of(2))]), [true, false])
  assert.equal(reads, 1)
  devices = new Set(['02'])
  assert.equal(await authors.has(Buffer.of(2)), false)
  await clock.advance(10_001)
  assert.equal(await authors.has(Buffer.of(1)), true, 'a device that was among them is believed for longer')
  assert.equal(await authors.has(Buffer.of(2)), true)
  assert.equal(await authors.has(Buffer.of(1)), false)
  assert.equal(reads, 2)
})

test('a book that cannot be read is tried again by the next who asks, and tells', async () => {
  const clock = new ManualClock()
  let isBroken = true
  const authors = new Authors(async () => {
    if (isBroken) throw new Error('not there')
    return new Set(['01'])
  }, clock)
  await assert.rejects(authors.has(Buffer.of(1)), /not there/)
  isBroken = false
  await clock.advance(10_001)
  assert.equal(await authors.has(Buffer.of(1)), true)
})
