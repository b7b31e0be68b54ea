import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { PIPE_CHUNK, PIPE_WINDOW, Pipe } from '../../../../src/lightning/backends/play/pipe.js'

interface Pair {
  near: Pipe
  far: Pipe
  /** Number of bytes that have left `near`. */
  sent(): number
}

function pair(): Pair {
  let sent = 0
  const near: Pipe = new Pipe({
    data: bytes => {
      sent += bytes.length
      assert.ok(bytes.length <= PIPE_CHUNK)
      queueMicrotask(() => assert.ok(far.receive(bytes)))
    },
    credit: size => queueMicrotask(() => assert.ok(far.credited(size))),
    closed: () => far.destroy()
  })
  const far: Pipe = new Pipe({
    data: bytes => queueMicrotask(() => assert.ok(near.receive(bytes))),
    credit: size => queueMicrotask(() => assert.ok(near.credited(size))),
    closed: () => near.destroy()
  })
  return { near, far, sent: () => sent }
}

test('a pipe carries any number of bytes in order', async () => {
  const { near, far } = pair()
  const bytes = randomBytes(3_000_001)
  const received: Buffer[] = []
  let size = 0
  const all = new Promise<void>(resolve =>
    far.on('data', (chunk: Buffer) => {
      received.push(chunk)
      if ((size += chunk.length) === bytes.length) resolve()
    })
  )
  for (let at = 0; at < bytes.length; at += 700_000) near.write(bytes.subarray(at, at + 700_000))
  await all
  assert.deepEqual(Buffer.concat(received), bytes)
})

test('unread bytes stay within the window', async () => {
  const { near, far, sent } = pair()
  const written = new Promise(resolve => near.write(randomBytes(2 * PIPE_WINDOW), resolve))
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(sent(), PIPE_WINDOW)
  far.resume()
  await written
  assert.equal(sent(), 2 * PIPE_WINDOW)
})

test('data above the window and credit for unsent bytes are protocol violations', () => {
  const pipe = new Pipe({ data: () => undefined, credit: () => undefined, closed: () => undefined })
  assert.equal(pipe.credited(1), false)
  assert.equal(pipe.receive(Buffer.alloc(PIPE_CHUNK + 1)), false)
  const chunks = Array.from({ length: PIPE_WINDOW / PIPE_CHUNK }, () =>
    pipe.receive(Buffer.alloc(PIPE_CHUNK))
  )
  assert.ok(chunks.every(Boolean))
  assert.equal(pipe.receive(Buffer.alloc(1)), false)
})

test('ending one side ends both', async () => {
  const { near, far } = pair()
  far.resume()
  const closed = Promise.all([once(near, 'close'), once(far, 'close')])
  near.end('last', () => near.destroy())
  await closed
})
