import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { listening, untilAborted } from '../../doubles/fake-node.js'
import { dial, mirror, served } from './served.js'

/** A caller that writes raw bytes and collects whole lines. */
async function raw(t: TestContext, path: string): Promise<{ socket: Socket; line: () => Promise<string> }> {
  const socket = connect(path)
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  const chunks = socket.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>
  let text = ''
  const line = async (): Promise<string> => {
    while (!text.includes('\n')) {
      const { value, done } = await chunks.next()
      if (done) return ''
      text += value
    }
    const end = text.indexOf('\n')
    const first = text.slice(0, end)
    text = text.slice(end + 1)
    return first
  }
  return { socket, line }
}

/** A request line. */
function request(id: unknown, method: string, params?: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params }) + '\n'
}

interface Answer {
  jsonrpc: string
  id: unknown
  method?: string
  params?: { id: unknown; job?: string }
  result?: object
  error?: { code: number; message: string; data: { code: string; exit: number; kind: string; hint: string } }
}

const answerOf = (text: string): Answer => JSON.parse(text) as Answer
const key = 'y'.repeat(52)

test('garbage costs the connection that it came on and nothing else', async t => {
  const { node, server } = await served(t)
  const good = await dial(t, server)
  node.answer = () => ({ fine: true })
  const junk: [string, number][] = [
    ['hello', -32700],
    ['', -32700],
    ['\u0000\u0001', -32700],
    ['[]', -32600],
    ['[{"jsonrpc":"2.0","id":1,"method":"wallet"}]', -32600],
    ['null', -32600],
    ['{}', -32600],
    ['{"jsonrpc":"2.0","id":-1,"method":"wallet"}', -32600],
    ['{"jsonrpc":"2.0","id":1.5,"method":"wallet"}', -32600],
    ['{"jsonrpc":"2.0","id":"","method":"wallet"}', -32600],
    ['{"jsonrpc":"2.0","method":"wallet"}', -32600],
    ['{"jsonrpc":"2.0","method":"cancel"}', -32602],
    ['{"jsonrpc":"2.0","method":"cancel","params":null}', -32602]
  ]
  for (const [text, code] of junk) {
    const { socket, line } = await raw(t, server.path)
    socket.write(text + '\n')
    const answer = answerOf(await line())
    assert.deepEqual([answer.jsonrpc, answer.id], ['2.0', null], text)
    assert.deepEqual([answer.error?.code, answer.error?.data.code], [code, 'BAD_REQUEST'], text)
    assert.equal(await line(), '', 'and the connection ends')
  }
  assert.deepEqual(await good.call('wallet', {}, listening()), { fine: true })
  assert.equal(node.asked.length, 1)
})

test('a wrong call with an id is answered, and the connection stays open', async t => {
  const { node, server } = await served(t)
  const { socket, line } = await raw(t, server.path)
  node.answer = () => ({ fine: true })
  const wrong: [string, unknown, number, string, RegExp][] = [
    ['{"id":1,"method":"wallet"}\n', 1, -32600, 'BAD_REQUEST', /2\.0/],
    [request(2, 'toString'), 2, -32601, 'UNKNOWN_METHOD', /toString/],
    [request('three', 'wallet', []), 'three', -32602, 'BAD_REQUEST', /without names/],
    [request(4, 'wallet', null), 4, -32602, 'BAD_INPUT', /object/],
    [request(5, 'wallet', { sat: 1 }), 5, -32602, 'BAD_INPUT', /'sat'/],
    [request(6, 'withdraw', {}), 6, -32602, 'BAD_INPUT', /'id'/],
    [request(7, 'mirror', { ...mirror, copies: 65 }), 7, -32602, 'BAD_INPUT', /'copies'/],
    [request(8, 'cancel', {}), 8, -32602, 'BAD_REQUEST', /names no request/]
  ]
  for (const [text, id, rpc, code, message] of wrong) {
    socket.write(text)
    const answer = answerOf(await line())
    assert.deepEqual([answer.id, answer.error?.code, answer.error?.data.code], [id, rpc, code], text)
    assert.match(answer.error!.message, message)
    assert.deepEqual([answer.error!.data.exit, answer.error!.data.kind], [2, 'input'], text)
  }
  assert.equal(node.asked.length, 0)
  // A request in three pieces, cut inside a character of two bytes.
  const bytes = Buffer.from(request('ö', 'withdraw', { id: key }))
  const cut = bytes.indexOf(0xb6)
  for (const part of [bytes.subarray(0, 9), bytes.subarray(9, cut), bytes.subarray(cut)]) {
    socket.write(part)
    await sleep(5)
  }
  assert.deepEqual(JSON.parse(await line()), { jsonrpc: '2.0', id: 'ö', result: { fine: true } })
  assert.deepEqual(node.asked[0]!.params, { id: key })
})

test('a request is cancelled by a notification, and by a request that says whether it ran', async t => {
  const { node, server } = await served(t)
  const { socket, line } = await raw(t, server.path)
  node.answer = untilAborted
  for (const [own, cancelled] of [
    [undefined, true],
    ['why', true],
    ['late', false]
  ] as const) {
    const calls = node.asked.length
    if (cancelled) {
      const begun = node.nextCall()
      socket.write(request(1, 'wallet'))
      await begun
    }
    socket.write(request(own, 'cancel', { id: 1 }))
    if (own !== undefined) {
      const answer = answerOf(await line())
      assert.deepEqual([answer.id, answer.result], [own, { cancelled }])
    }
    if (!cancelled) continue
    assert.equal(node.asked.length, calls + 1)
    const { id, error } = answerOf(await line())
    assert.deepEqual([id, error?.code, error?.data.code, error?.data.exit], [1, -32000, 'INTERRUPTED', 130])
  }
})

test('an endless line is not buffered', async t => {
  const { server } = await served(t)
  const { socket, line } = await raw(t, server.path)
  socket.on('error', () => undefined) // the server disconnects us while we write
  socket.write(Buffer.alloc((1 << 20) + 1, 'a'))
  assert.match(answerOf(await line()).error!.message, /too long/)
  assert.equal(await line(), '')
})

test('a caller that does not read misses progress but not its result', async t => {
  const { node, server } = await served(t)
  const { socket, line } = await raw(t, server.path)
  const message = 'x'.repeat(64 * 1024)
  node.answer = ({ context }) => {
    for (let i = 0; i < 1000; i++) context.onProgress({ event: 'note', message })
    return { done: true }
  }
  socket.pause()
  socket.write(request(1, 'wallet'))
  let progress = 0
  for (;;) {
    if (answerOf(await line()).result) break
    progress++
  }
  assert.ok(progress > 0 && progress < 100, `${progress} of 1000 were sent`)
})

test('a slow caller gets all output of a program in order, as a part of its result', async t => {
  const { node, server } = await served(t)
  const { socket, line } = await raw(t, server.path)
  const base64 = 'x'.repeat(64 * 1024)
  node.answer = ({ context }) => {
    for (let i = 0; i < 200; i++)
      context.onProgress({ event: 'output', stream: 'stdout', base64, job: String(i) })
    return { done: true }
  }
  socket.pause()
  socket.write(request(1, 'wallet'))
  const heard: string[] = []
  for (;;) {
    const answer = answerOf(await line())
    if (answer.result) break
    heard.push(answer.params!.job!)
  }
  assert.deepEqual(
    heard,
    Array.from({ length: 200 }, (_, i) => String(i))
  )
})

test('requests of a caller that does not read wait until it reads', async t => {
  const { node, server } = await served(t)
  const { socket, line } = await raw(t, server.path)
  const text = 'x'.repeat(1 << 20)
  node.answer = () => ({ text })
  socket.pause()
  const requests = 100
  const invoice = 'lnbc' + '1'.repeat(7000) // so long that few requests are in what is read at one time
  for (let id = 1; id <= requests; id++) socket.write(request(id, 'wallet.pay', { invoice }))
  await node.nextCall()
  for (let turn = 0; turn < 100; turn++) await new Promise(resolve => setImmediate(resolve))
  assert.ok(node.asked.length < 64, `${node.asked.length} calls for unread answers`)
  let answered = 0
  while (answered < requests) if (answerOf(await line()).result) answered++
  assert.equal(node.asked.length, requests)
})
