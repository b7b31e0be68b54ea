import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GapDetector, systemClock } from '../../src/base/clock.js'

/** A detector with two clocks that the test sets, and the lengths of the gaps that it tells of. */
function detecting(): { time: { wall: number; monotonic: number }; detector: GapDetector; heard: number[] } {
  const time = { wall: 1_000_000, monotonic: 50 }
  const detector = new GapDetector({ wall: () => time.wall, monotonic: () => time.monotonic })
  const heard: number[] = []
  detector.onGap(ms => heard.push(ms))
  return { time, detector, heard }
}

test('ticks that come when they are due, or a little late, are no gap', () => {
  const { time, detector, heard } = detecting()
  for (const ms of [1000, 1000, 3500, 1, 1000]) {
    time.wall += ms
    time.monotonic += ms
    assert.equal(detector.look(), 0)
  }
  assert.deepEqual(heard, [])
})

test('a sleep that only the wall clock counts is a gap', () => {
  const { time, detector, heard } = detecting()
  time.wall += 60_000
  time.monotonic += 10
  assert.equal(detector.look(), 1)
  assert.equal(detector.look(), 1, 'it is told once')
  assert.deepEqual(heard, [60_000])
})

test('a sleep in which the wall clock was set back is a gap too', () => {
  const { time, detector, heard } = detecting()
  time.wall -= 3_600_000
  time.monotonic += 60_000
  assert.equal(detector.look(), 1)
  assert.deepEqual(heard, [60_000])
})

test('a wall clock that is set back while the machine is awake is no gap', () => {
  const { time, detector } = detecting()
  time.wall -= 3_600_000
  time.monotonic += 1000
  assert.equal(detector.look(), 0)
})

test('a listener that was cancelled hears nothing more', () => {
  const { time, detector } = detecting()
  const heard: number[] = []
  const cancel = detector.onGap(ms => heard.push(ms))
  cancel()
  cancel()
  time.wall += 60_000
  detector.look()
  assert.deepEqual(heard, [])
})

test('the clock of the system fires a timer unless it is cancelled', async () => {
  let fired = 0
  const cancel = systemClock.after(0, () => fired++)
  cancel()
  await new Promise<void>(resolve => systemClock.after(1, resolve))
  assert.equal(fired, 0)
})
