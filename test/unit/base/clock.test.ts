import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GapDetector, systemClock } from '../../../src/base/clock.js'

/** A gap detector on two clocks that the test sets, and the lengths of the gaps it reports. */
function detecting(): { time: { wall: number; monotonic: number }; detector: GapDetector; heard: number[] } {
  const time = { wall: 1_000_000, monotonic: 50 }
  const detector = new GapDetector({ wall: () => time.wall, monotonic: () => time.monotonic })
  const heard: number[] = []
  detector.onGap(ms => heard.push(ms))
  return { time, detector, heard }
}

test('ticks that arrive on time or slightly late are not reported as a gap', () => {
  const { time, detector, heard } = detecting()
  for (const ms of [1000, 1000, 3500, 1, 1000]) {
    time.wall += ms
    time.monotonic += ms
    assert.equal(detector.look(), 0)
  }
  assert.deepEqual(heard, [])
})

test('a sleep that only the wall clock counts is reported as a gap', () => {
  const { time, detector, heard } = detecting()
  time.wall += 60_000
  time.monotonic += 10
  assert.equal(detector.look(), 1)
  assert.equal(detector.look(), 1, 'it is told once')
  assert.deepEqual(heard, [60_000])
})

test('a sleep is reported as a gap even when the wall clock was set back during it', () => {
  const { time, detector, heard } = detecting()
  time.wall -= 3_600_000
  time.monotonic += 60_000
  assert.equal(detector.look(), 1)
  assert.deepEqual(heard, [60_000])
})

test('a wall clock set back while the machine is awake is not reported as a gap', () => {
  const { time, detector } = detecting()
  time.wall -= 3_600_000
  time.monotonic += 1000
  assert.equal(detector.look(), 0)
})

test('an interrupted network is a gap, in which nothing stood still', () => {
  const { detector, heard } = detecting()
  detector.interrupt()
  assert.equal(detector.look(), 1)
  assert.deepEqual(heard, [])
})

test('a cancelled listener receives no more gaps', () => {
  const { time, detector } = detecting()
  const heard: number[] = []
  const cancel = detector.onGap(ms => heard.push(ms))
  cancel()
  cancel()
  time.wall += 60_000
  detector.look()
  assert.deepEqual(heard, [])
})

test('the system clock fires a timer unless the timer is cancelled', async () => {
  let fired = 0
  const cancel = systemClock.after(0, () => fired++)
  cancel()
  await new Promise<void>(resolve => systemClock.after(1, resolve))
  assert.equal(fired, 0)
})
