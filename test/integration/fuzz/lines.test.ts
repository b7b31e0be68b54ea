import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { BadRequest, parseRequest, parseResponse } from '../../../src/daemon/json-rpc.js'
import { ControlServer } from '../../../src/daemon/control-server.js'
import { readLines } from '../../../src/daemon/lines.js'
import type { NodeCaller } from '../../../src/node/api/api.js'
import { bytes, mutated, mutations, pieces, runs } from '../../samples/mutation.js'

const REQUESTS = [
  '{"jsonrpc":"2.0","id":1,"method":"status","params":{}}',
  '{"jsonrpc":"2.0","id":"two","method":"wallet.pay","params":{"invoice":"lnbcrt1","maxMsat":"5"}}',
  '{"jsonrpc":"2.0","method":"cancel","params":{"id":2}}'
]
const ANSWERS = [
  '{"jsonrpc":"2.0","id":1,"result":{"a":[1,2,3]}}',
  '{"jsonrpc":"2.0","method":"progress","params":{"id":2,"event":"note","message":"half"}}',
  '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no","data":{"code":"FAILED","exit":1,"hint":""}}}'
]

const lineLike = (good: string[]): fc.Arbitrary<string> =>
  fc.oneof(
    fc.tuple(fc.constantFrom(...good), fc.constantFrom(...good), mutations).map(([one, other, list]) => {
      return mutated(Buffer.from(one), list, Buffer.from(other)).toString()
    }),
    fc
      .record(
        {
          jsonrpc: fc.constantFrom('2.0', '1.0', 2),
          id: fc.oneof(fc.nat(), fc.jsonValue()),
          method: fc.oneof(fc.constantFrom('status', 'cancel', 'progress'), fc.jsonValue()),
          params: fc.jsonValue(),
          result: fc.jsonValue(),
          error: fc.jsonValue()
        },
        { requiredKeys: [] }
      )
      .map(value => JSON.stringify(value)),
    fc.json(),
    fc.string({ unit: 'grapheme' })
  )

test('any line is a request or an answer of the control socket or is refused', () => {
  fc.assert(
    fc.property(lineLike([...REQUESTS, ...ANSWERS]), line => {
      for (const parse of [parseRequest, parseResponse]) {
        try {
          const parsed = parse(line)
          const id = 'cancel' in parsed ? parsed.cancel : parsed.id
          assert.ok(id === null || typeof id === 'string' || Number.isSafeInteger(id))
        } catch (error) {
          assert.ok(error instanceof BadRequest && error.code === 'BAD_REQUEST', String(error))
          assert.ok(!error.message.includes('\n') || line.includes('\\n'))
        }
      }
    }),
    runs(3000)
  )
})

/** The lines read from a socket that receives these pieces. */
function linesOf(parts: Iterable<Buffer>, max: number): { lines: string[]; over: boolean } {
  const socket = new EventEmitter() as Socket
  const lines: string[] = []
  let over = false
  readLines(socket, max, { online: line => lines.push(line), onoverflow: () => (over = true) })
  for (const part of parts) socket.emit('data', part)
  return { lines, over }
}

test('lines are the same in pieces of any size, and none exceeds the bound', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\n', 'ä', '€', '🦀', '"'), maxLength: 60 })
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(text, sizes, fc.integer({ min: 1, max: 20 }), (text, sizes, max) => {
      const cut = text.split('\n')
      const rest = cut.pop()!
      const long = cut.findIndex(line => line.length > max)
      const found = linesOf(pieces(Buffer.from(text), sizes), max)
      assert.deepEqual(found.lines, long < 0 ? cut : cut.slice(0, long))
      assert.equal(found.over, long >= 0 || rest.length > max)
    }),
    runs(1000)
  )
})

test(
  'garbage on the control socket costs the connection, and the node gets only valid calls',
  { timeout: 60_000 },
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'bushel-fuzz-'))
    const asked: string[] = []
    const node = { call: async (method: string) => void asked.push(method) } as unknown as NodeCaller
    const server = new ControlServer(node, join(dir, 'control'))
    await server.ready()
    const methods = new Set(['status', 'wallet.pay'])
    const piece = fc.oneof(
      bytes(100),
      lineLike(REQUESTS).map(line => Buffer.from(line + '\n'))
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), async parts => {
        const socket = connect(server.path)
        socket.on('error', () => undefined) // disconnected on purpose
        socket.resume()
        for (const part of parts) socket.write(part)
        socket.end()
        if (!socket.closed) await new Promise(resolve => socket.once('close', resolve))
      }),
      runs(150)
    )
    assert.ok(
      asked.every(method => methods.has(method)),
      asked.join()
    )
    const socket = connect(server.path)
    socket.write(REQUESTS[0]! + '\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.deepEqual(JSON.parse(answer.toString()), { jsonrpc: '2.0', id: 1, result: null })
    socket.destroy()
    await server.close()
    await rm(dir, { recursive: true })
  }
)
