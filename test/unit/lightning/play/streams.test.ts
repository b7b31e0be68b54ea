import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { ACK_STEP, WINDOW } from '../../../../src/lightning/backends/play/messages.js'
import type { ToChild } from '../../../../src/lightning/backends/play/messages.js'
import { PeerStreams } from '../../../../src/lightning/backends/play/streams.js'

const NODE_ID = Buffer.alloc(33, 2)

function attached(): { streams: PeerStreams; wire: PassThrough; told: ToChild[] } {
  const told: ToChild[] = []
  const streams = new PeerStreams(message => told.push(message))
  const wire = new PassThrough({ highWaterMark: 4 * WINDOW })
  streams.start()
  streams.attach(wire, { nodeId: NODE_ID, outbound: true })
  return { streams, wire, told }
}

test('bytes from the process are acknowledged in steps, and never does a whole window wait', async () => {
  const { streams, wire, told } = attached()
  const piece = randomBytes(1000)
  for (let sent = 0; sent < 2 * WINDOW; sent += piece.length) {
    streams.receive({ type: 'data', conn: 1, bytes: piece })
    await new Promise(resolve => setImmediate(resolve))
    const acked = told.reduce((sum, message) => sum + (message.type === 'ack' ? message.size : 0), 0)
    assert.ok(sent + piece.length - acked < ACK_STEP + piece.length, `${acked} of ${sent}`)
  }
  const acks = told.filter(({ type }) => type === 'ack').length
  assert.ok(acks <= (2 * WINDOW) / ACK_STEP + 1, `${acks} acknowledgements`)
  wire.destroy()
})

test('an unread window stops the reading until half of it is taken', async () => {
  const { streams, wire, told } = attached()
  wire.write(randomBytes(WINDOW + 1))
  await new Promise(resolve => setImmediate(resolve))
  assert.ok(told.some(({ type }) => type === 'data'))
  assert.ok(wire.isPaused())
  streams.receive({ type: 'ack', conn: 1, size: WINDOW / 4 })
  assert.ok(wire.isPaused())
  streams.receive({ type: 'ack', conn: 1, size: WINDOW / 2 })
  assert.ok(!wire.isPaused())
  wire.destroy()
})
