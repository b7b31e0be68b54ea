import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { endDeadStreams } from '../../../src/network/dead-streams.js'
import { ManualClock } from '../../doubles/manual-clock.js'

class FakeStream {
  readonly rawStream = { bytesReceived: 0 }
  destroyed = false
  probes = 0

  sendKeepAlive(): void {
    this.probes++
  }

  destroy(): void {
    this.destroyed = true
  }
}

function world(): {
  interruptions: EventEmitter
  clock: ManualClock
  dead: FakeStream
  live: FakeStream
  end: () => void
} {
  const clock = new ManualClock()
  const interruptions = new EventEmitter()
  const [dead, live] = [new FakeStream(), new FakeStream()]
  const streams = [dead, live] as unknown as Parameters<typeof endDeadStreams>[0] extends () => infer T
    ? T
    : never
  return { interruptions, clock, dead, live, end: endDeadStreams(() => streams, clock, interruptions) }
}

test('a connection over which nothing comes after a sleep is ended, and another one is not', async () => {
  const { clock, dead, live } = world()
  await clock.sleep(150_000)
  dead.rawStream.bytesReceived += 1000 // what was in the buffer of the system
  await clock.advance(2000)
  await clock.advance(5000)
  live.rawStream.bytesReceived += 20
  await clock.advance(6000)
  assert.deepEqual([dead.destroyed, live.destroyed], [false, false])
  await clock.advance(1000)
  assert.deepEqual([dead.destroyed, live.destroyed], [true, false])
})

test('without a sleep no connection is ended, and none after the end', async () => {
  const { clock, dead, live, end } = world()
  await clock.advance(60_000)
  assert.deepEqual([dead.destroyed, live.destroyed], [false, false])
  await clock.sleep(150_000)
  await clock.advance(2000)
  end()
  await clock.advance(60_000)
  assert.deepEqual([dead.destroyed, live.destroyed, clock.timers], [false, false, 0])
})

test('a connection over which nothing comes once its network was interrupted is ended', async () => {
  const { interruptions, clock, dead, live, end } = world()
  interruptions.emit('interrupted')
  assert.deepEqual([dead.probes, live.probes], [1, 1])
  await clock.advance(5000)
  live.rawStream.bytesReceived += 20
  await clock.advance(1000)
  assert.deepEqual([dead.destroyed, live.destroyed], [true, false])
  end()
  assert.equal(interruptions.listenerCount('interrupted'), 0)
})
