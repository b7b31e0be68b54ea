import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { NoiseStream } from 'hyperdht'
import { BOUNDS, PARTNER_FRAME } from '../../../src/base/bounds/bounds.js'
import { ManualClock } from '../../doubles/manual-clock.js'
import { STANDING, Visitors } from '../../../src/network/visitors.js'
import type { Standing } from '../../../src/network/visitors.js'

/** A connection on which frames come in packets, as secret-stream reads them. */
class Incoming extends EventEmitter {
  readonly rawStream = Object.assign(new EventEmitter(), { remoteHost: '5.6.7.8', bytesReceived: 0 })
  readonly remotePublicKey = Buffer.alloc(32, 1)
  isInitiator = false
  readonly opened = Promise.resolve(true)
  readonly destroying = null
  readonly _writableState = { buffered: 0 }
  _state = 0
  _len = 0
  _tmp = 0
  _message: Buffer | null = null
  ended: Error | null = null

  frame(bytes: number, packets: number): void {
    for (let i = 0; i < packets; i++) {
      this._state = 1
      this._len = bytes
      this._message ??= Buffer.alloc(1)
      this._tmp = (bytes / packets) * i
      this.#came()
    }
    this._state = 0
    this._message = null
    this.#came()
  }

  destroy(error: Error): void {
    this.ended = error
  }

  #came(): void {
    this.rawStream.bytesReceived++
    this.rawStream.emit('data', Buffer.alloc(0))
  }
}

/** Visitors with one connection of a peer with this standing, and how often the standing was looked up. */
async function visited(
  standing: Standing
): Promise<{ stream: Incoming; looked: () => number; close: () => void }> {
  let looked = 0
  const visitors = new Visitors(() => {
    looked++
    return standing
  })
  const stream = new Incoming()
  visitors.add(stream as unknown as NoiseStream)
  await stream.opened
  return { stream, looked: () => looked, close: () => visitors.close() }
}

test('the standing of a peer is looked up once for a large frame, not for each packet of it', async () => {
  const { stream, looked, close } = await visited(STANDING.partner)
  stream.frame(BOUNDS.frames.peer + 1, 1)
  const before = looked()
  stream.frame(PARTNER_FRAME, 1000)
  assert.equal(looked() - before, 1)
  assert.equal(stream.ended, null)
  close()
})

test('each frame of a stranger is checked when it begins', async () => {
  const { stream, close } = await visited(STANDING.stranger)
  stream.frame(BOUNDS.frames.peer, 10)
  assert.equal(stream.ended, null)
  stream.frame(BOUNDS.frames.peer + 1, 10)
  assert.match(String(stream.ended as Error | null), /a frame of/)
  close()
})

test('a connection that says nothing is ended, sooner when this node dialled it', async t => {
  const clock = new ManualClock()
  const visitors = new Visitors(() => STANDING.partner, clock)
  t.after(() => visitors.close())
  const [dialled, heard, came] = [new Incoming(), new Incoming(), new Incoming()]
  dialled.isInitiator = heard.isInitiator = true
  for (const each of [dialled, heard, came]) visitors.add(each as unknown as NoiseStream)
  await dialled.opened
  heard.frame(1, 1)
  await clock.advance(3001)
  visitors.look()
  assert.deepEqual(
    [dialled, heard, came].map(({ ended }) => ended !== null),
    [true, false, false]
  )
  await clock.advance(7000)
  visitors.look()
  assert.deepEqual([heard.ended !== null, came.ended !== null], [false, true])
})

interface Keeping {
  streams: Incoming[]
  /** The peer of a stream has so many bytes kept now. */
  keep: (which: number, bytes: number) => void
}

/** Strangers that have so many bytes kept for channels that are not open; one that was dialled pays. */
function keeping(held: number[], { paying = -1 } = {}): Keeping {
  const visitors = new Visitors((_device, dialled) => (dialled ? STANDING.partner : STANDING.stranger))
  const streams = held.map(() => new Incoming())
  const all = streams.map((stream, i) => {
    stream.isInitiator = i === paying
    const visitor = visitors.add(stream as unknown as NoiseStream)
    visitor.pending = () => held[i]!
    return visitor
  })
  visitors.close()
  return {
    streams,
    keep: (which, bytes) => {
      held[which] = bytes
      visitors.kept(all[which]!)
    }
  }
}

test('of all strangers, the one with the most messages for channels that are not open goes', () => {
  const { peer, all } = BOUNDS.pending
  const held = Array.from({ length: all / peer }, () => peer - 1)
  const { streams, keep } = keeping([...held, 0])
  const ended = (): number[] => streams.flatMap((stream, i) => (stream.ended ? [i] : []))
  keep(0, peer)
  assert.deepEqual(ended(), [])
  keep(held.length, peer / 2)
  assert.deepEqual(ended(), [0])
  assert.match(String(streams[0]!.ended), /strangers send too much over channels that are not open/)
})

test('messages of a peer that pays end no stranger', () => {
  const { streams, keep } = keeping([0, BOUNDS.pending.peer], { paying: 0 })
  keep(0, 2 * BOUNDS.pending.all)
  assert.ok(streams.every(({ ended }) => ended === null))
})
