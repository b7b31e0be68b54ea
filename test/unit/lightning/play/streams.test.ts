import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { ACK_STEP, WINDOW } from '../../../../src/lightning/backends/play/messages.js'
import type { ToChild } from '../../../../src/lightning/backends/play/messages.js'
import { BOUNDS } from '../../../../src/base/bounds/bounds.js'
import { PeerStreams } from '../../../../src/lightning/backends/play/streams.js'

const NODE_ID = Buffer.alloc(33, 2)

function attached(isPartner = true): { streams: PeerStreams; wire: PassThrough; told: ToChild[] } {
  const told: ToChild[] = []
  const streams = new PeerStreams(
    message => told.push(message),
    () => isPartner
  )
  const wire = new PassThrough({ highWaterMark: 4 * WINDOW })
  streams.start()
  streams.attach(wire, { nodeId: NODE_ID, outbound: true, owner: NODE_ID.subarray(1) })
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

test('a stranger that sends more than its budget loses its session, and a partner does not', async () => {
  for (const isPartner of [false, true]) {
    const { streams, wire, told } = attached(isPartner)
    const passed = (): number =>
      told.reduce((sum, message) => sum + (message.type === 'data' ? message.bytes.length : 0), 0)
    for (let sent = 0; sent < 2 * BOUNDS.lightning.peer && !wire.destroyed; sent += 4096) {
      wire.write(randomBytes(4096))
      await new Promise(resolve => setImmediate(resolve))
      streams.receive({ type: 'ack', conn: 1, size: 4096 })
    }
    assert.equal(wire.destroyed, !isPartner)
    if (isPartner) assert.equal(passed(), 2 * BOUNDS.lightning.peer)
    else assert.ok(passed() <= BOUNDS.lightning.peer, `${passed()} bytes`)
    wire.destroy()
  }
})
