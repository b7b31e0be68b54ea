import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BushelError } from '../../../../contracts/errors/error.js'
import { ClnClient, ClnError } from '../../../../src/lightning/backends/cln/client.js'
import { readJSON } from '../../../../src/lightning/backends/cln/frames.js'
import { FakeSocket, reply } from './fake-socket.js'
import type { Request } from './fake-socket.js'

interface Transcript {
  method: string
  params: unknown
  response?: unknown
  error?: { code: number; message: string }
}

const TRANSCRIPTS = fileURLToPath(
  new URL('../../../../test/lightning/cln-transcripts.jsonl', import.meta.url)
)

let dir: string
let wire: FakeSocket
let client: ClnClient
let transcripts: Transcript[]

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bushel-cln-'))
  wire = new FakeSocket(join(dir, 'rpc'))
  await wire.listen()
  client = new ClnClient({ socket: wire.socket, timeoutMs: 5_000 })
  const lines = (await readFile(TRANSCRIPTS, 'utf8')).split('\n').filter(line => line)
  transcripts = lines.map(line => JSON.parse(line) as Transcript)
})

after(async () => {
  client.close()
  await wire.stop()
  await rm(dir, { recursive: true })
})

/** Byte by byte, and in every second piece a few bytes at once. */
function inPieces(bytes: Buffer, connection: Socket, seed: number): void {
  let at = 0
  for (let n = seed; at < bytes.byteLength; n = (n * 1103515245 + 12345) & 0x7fffffff) {
    const size = (n % 7) + 1
    connection.write(bytes.subarray(at, at + size))
    at += size
  }
}

test('every recorded answer is read whole, in odd pieces and with all calls in flight', async () => {
  const bodies = new Map<string, Transcript>()
  wire.answer = (request, connection) => {
    const known = bodies.get((request.params as { n: string }).n)!
    const body = known.error ? { error: known.error } : { result: known.response }
    inPieces(reply(request, body), connection, bodies.size + wire.requests.length)
  }
  const answers = transcripts.map(async (transcript, n) => {
    bodies.set(String(n), transcript)
    try {
      const result = await client.call(transcript.method, { n: String(n) })
      assert.deepEqual(result, readJSON(JSON.stringify(transcript.response)))
    } catch (error) {
      if (!(error instanceof ClnError)) throw error
      assert.equal(error.rpc, transcript.error!.code)
    }
  })
  await Promise.all(answers)
  assert.ok(answers.length > 150)
})

test('a call says that it speaks JSON-RPC 2.0 and has named parameters', async () => {
  wire.answer = (request, connection) => connection.write(reply(request, { result: request }))
  const sent = (await client.call('invoice', { label: 'x' })) as Request
  assert.equal(sent.jsonrpc, '2.0')
  assert.deepEqual(sent.params, { label: 'x' })
})

test('a brace in a string neither ends an answer nor keeps it open', async () => {
  for (const description of ['{', '}', '}}}{{', '\\"}', '\\', '"{"', 's}', 's{s"']) {
    wire.answer = (request, connection) =>
      inPieces(reply(request, { result: { description } }), connection, 3)
    assert.deepEqual(await client.call('decode'), { description })
  }
})

test('long integers keep every digit', () => {
  const read = readJSON(
    '{"groupid":8582195612431375364,"text":"8582195612431375364 \\" 9999999999999999999","n":-12}'
  )
  assert.deepEqual(read, {
    groupid: '8582195612431375364',
    text: '8582195612431375364 " 9999999999999999999',
    n: -12
  })
})

test('an unanswered call ends after its timeout, and a late answer disturbs no other call', async () => {
  let late: (() => void) | null = null
  wire.answer = (request, connection) => {
    if (request.method === 'slow') late = () => connection.write(reply(request, { result: 'late' }))
    else connection.write(reply(request, { result: request.method }))
  }
  await assert.rejects(client.call('slow', [], 50), { code: 'WALLET_TIMEOUT' })
  late!()
  assert.equal(await client.call('next'), 'next')
})

test('a disconnect rejects the calls in flight and drops half an answer, and the next call reconnects', async () => {
  wire.answer = (request, connection) => {
    if (request.method !== 'cut') return
    connection.write(reply(request, { result: { text: 'half' } }).subarray(0, 30), () => connection.destroy())
  }
  const others = ['a', 'b', 'c'].map(method => client.call(method))
  const cut = client.call('cut')
  for (const call of [...others, cut]) await assert.rejects(call, { code: 'WALLET_GONE' })
  wire.answer = (request, connection) => connection.write(reply(request, { result: 'whole' }))
  assert.equal(await client.call('again'), 'whole')
})

test('each call fails with a clear error while nobody listens, and the first one after succeeds', async () => {
  await wire.stop()
  while (client.connected) await new Promise(resolve => setImmediate(resolve))
  await assert.rejects(client.call('getinfo'), (error: BushelError) => {
    assert.equal(error.code, 'WALLET_UNREACHABLE')
    assert.equal(error.exit, 5)
    return true
  })
  await rm(wire.socket, { force: true })
  await wire.listen()
  wire.answer = (request, connection) => connection.write(reply(request, { result: 'back' }))
  assert.equal(await client.call('getinfo'), 'back')
})

test('each path that is not a socket of lightningd gives a line of its own', async () => {
  const says = async (socket: string): Promise<string> => {
    const stranger = new ClnClient({ socket, timeoutMs: 2_000 })
    try {
      await stranger.call('getinfo')
      return ''
    } catch (error) {
      assert.ok(error instanceof BushelError)
      assert.equal(error.code, 'WALLET_UNREACHABLE')
      assert.ok(!error.message.includes('\n'))
      return error.message
    } finally {
      stranger.close()
    }
  }
  const file = join(dir, 'file')
  await writeFile(file, '')
  assert.match(await says(join(dir, 'none')), /no such socket/)
  assert.match(await says(join(file, 'rpc')), /no such folder/)
  assert.match(await says(file), /nobody listens|not a socket/)
  const babbler = new FakeSocket(join(dir, 'babbler'))
  await babbler.listen()
  babbler.answer = (_request, connection) => connection.write('HTTP/1.1 400 Bad Request\r\n')
  const refused = new ClnClient({ socket: babbler.socket })
  await assert.rejects(refused.call('getinfo'), /does not speak like Core Lightning/)
  refused.close()
  await babbler.stop()
})

test(
  'a socket without permission is refused',
  { skip: process.getuid?.() === 0 && 'root may open any socket' },
  async () => {
    await chmod(wire.socket, 0)
    client.close()
    client = new ClnClient({ socket: wire.socket })
    await assert.rejects(client.call('getinfo'), /may not open/)
    await chmod(wire.socket, 0o600)
  }
)

test('an answer above the limit closes the connection and uses no more memory', async () => {
  const small = new ClnClient({ socket: wire.socket, maxAnswer: 10_000 })
  wire.answer = (_request, connection) => {
    connection.write('{"result":"')
    for (let i = 0; i < 100; i++) connection.write('x'.repeat(1000))
  }
  await assert.rejects(small.call('listpays'), /more than 10000 bytes/)
  wire.answer = (request, connection) => connection.write(reply(request, { result: 1 }))
  assert.equal(await small.call('getinfo'), 1)
  small.close()
})

test('an answer without an id, as lightningd gives to unreadable input, fails the waiting calls', async () => {
  wire.answer = (_request, connection) =>
    connection.write(
      JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32600, message: 'no jsonrpc' } })
    )
  await assert.rejects(client.call('getinfo'), /no jsonrpc/)
})

test('an error without a readable message still fails its call', async () => {
  for (const error of [{ code: { a: 1 }, message: { toString: 1 } }, { message: null }, 'no', 5, [[]]]) {
    wire.answer = (request, connection) => connection.write(reply(request, { error }))
    await assert.rejects(client.call('getinfo'), (said: unknown) => {
      assert.ok(said instanceof ClnError, String(said))
      assert.match(said.message, /it gave no reason/)
      return true
    })
  }
})

test('a closed client refuses new calls and rejects running ones', async () => {
  wire.answer = () => undefined
  const closing = new ClnClient({ socket: wire.socket })
  const call = closing.call('getinfo')
  await new Promise<void>(resolve => {
    wire.answer = () => resolve()
  })
  closing.close()
  await assert.rejects(call, { code: 'WALLET_CLOSED' })
  await assert.rejects(closing.call('getinfo'), { code: 'WALLET_CLOSED' })
})
