import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Interruptions } from '../../../src/network/reach/interruptions.js'

/** Interruptions at a time that the test sets, and how many were counted and told. */
function interruptible() {
  const seen = { counted: 0, told: 0, now: 0 }
  const interruptions = new Interruptions(
    () => void seen.counted++,
    () => seen.now
  )
  interruptions.on('interrupted', () => void seen.told++)
  return { seen, interruptions }
}

test('a node with another address, or that hears answers again, was interrupted', () => {
  const { seen, interruptions } = interruptible()
  interruptions.online(true)
  interruptions.online(false)
  assert.equal(seen.counted, 0)
  interruptions.online(true)
  interruptions.online(true)
  assert.equal(seen.counted, 1)
  interruptions.moved()
  assert.equal(seen.counted, 2)
})

test('addresses that change all the time make no wait endless', () => {
  const { seen, interruptions } = interruptible()
  for (let i = 0; i < 100; i++) interruptions.moved()
  assert.deepEqual([seen.counted, seen.told], [6, 100])
  seen.now += 600_001
  interruptions.moved()
  interruptions.moved()
  assert.equal(seen.counted, 7)
})
