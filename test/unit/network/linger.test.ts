import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import { linger } from '../../../src/network/forwarding/linger.js'
import { ManualClock } from '../../doubles/manual-clock.js'

class Forwarded extends EventEmitter {
  readonly rawStream = { destroyed: false }
  readonly calls: string[] = []

  destroy(error?: Error): this {
    this.calls.push(error ? `destroyed: ${error.message}` : 'destroyed')
    this.emit('close')
    return this
  }

  end(): this {
    this.calls.push('ended')
    return this
  }
}

function lingering(): { stream: Forwarded; clock: ManualClock } {
  const [stream, clock] = [new Forwarded(), new ManualClock()]
  linger(stream as unknown as NoiseStream, clock)
  return { stream, clock }
}

test('a connection to a forwarder is there for 5 s after its end', async () => {
  for (const [how, seen] of [
    ['destroy', 'destroyed'],
    ['end', 'ended']
  ] as const) {
    const { stream, clock } = lingering()
    stream[how]()
    stream.destroy()
    await clock.advance(4999)
    assert.deepEqual(stream.calls, [])
    await clock.advance(1)
    assert.deepEqual(stream.calls, [seen])
  }
})

test('a connection to a forwarder that is broken ends at once', () => {
  const broken = lingering()
  broken.stream.destroy(new Error('reset'))
  const gone = lingering()
  gone.stream.rawStream.destroyed = true
  gone.stream.destroy()
  assert.deepEqual([broken.stream.calls, gone.stream.calls], [['destroyed: reset'], ['destroyed']])
})

test('no timer is left of a connection that breaks while it lingers', () => {
  const { stream, clock } = lingering()
  stream.end()
  stream.destroy(new Error('reset'))
  assert.deepEqual([stream.calls, clock.timers], [['destroyed: reset'], 0])
})
