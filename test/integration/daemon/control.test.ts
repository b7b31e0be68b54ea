import assert from 'node:assert/strict'
import { once } from 'node:events'
import { access, chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BushelError } from '../../../contracts/errors/error.js'
import { ERROR_CODES } from '../../../src/cli/exit-codes.js'
import { parseResponse } from '../../../src/daemon/json-rpc.js'
import { ControlServer } from '../../../src/daemon/control-server.js'
import { controlPath } from '../../../src/daemon/control-path.js'
import { RemoteNode } from '../../../src/daemon/remote-node.js'
import { FakeNode, listening, untilAborted } from '../../doubles/fake-node.js'

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-control-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

async function served(
  t: TestContext,
  node = new FakeNode()
): Promise<{ node: FakeNode; server: ControlServer }> {
  const server = new ControlServer(node, controlPath(await folder(t)))
  await server.ready()
  t.after(() => server.close())
  return { node, server }
}

async function dial(t: TestContext, { path }: ControlServer): Promise<RemoteNode> {
  const remote = await RemoteNode.connect(path)
  assert.ok(remote)
  t.after(() => remote.close())
  return remote
}

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
const mirror = { path: '/', copies: 1, time: 1 }
const key = 'y'.repeat(52)

test('a call crosses the socket with its progress and gives its result', async t => {
  const { node, server } = await served(t)
  const remote = await dial(t, server)
  node.answer = ({ context }) => {
    context.onProgress({ event: 'note', message: 'zwölf Körbe' })
    context.onProgress({ event: 'progress', step: 'pack', done: 1, total: 2, unit: 'bytes' })
    return { markets: [] }
  }
  const context = listening()
  assert.deepEqual(await remote.call('market.list', {}, context), { markets: [] })
  assert.deepEqual(context.heard, [
    { event: 'note', message: 'zwölf Körbe' },
    { event: 'progress', step: 'pack', done: 1, total: 2, unit: 'bytes' }
  ])
  assert.equal((await stat(server.path)).mode & 0o777, 0o600)
})

test('calls on one connection do not wait for one another', async t => {
  const { node, server } = await served(t)
  const remote = await dial(t, server)
  const order: string[] = []
  let release = (): void => undefined
  node.answer = ({ method }) => (method === 'mirror' ? new Promise<void>(resolve => (release = resolve)) : {})
  const slow = remote.call('mirror', mirror, listening()).then(() => order.push('mirror'))
  await remote.call('wallet', {}, listening()).then(() => order.push('wallet'))
  release()
  await slow
  assert.deepEqual(order, ['wallet', 'mirror'])
})

test('an error keeps its code, exit code, message and hint, and a plain error becomes FAILED', async t => {
  const { node, server } = await served(t)
  const remote = await dial(t, server)
  const shape = { code: 'PRICE_ROSE' as const, exit: 4, message: 'it rose', hint: 'pay more' }
  node.answer = () => Promise.reject(new BushelError(shape.code, shape.message, shape.hint))
  await assert.rejects(remote.call('wallet', {}, listening()), (error: BushelError) => {
    assert.ok(error instanceof BushelError)
    assert.deepEqual(error.toJSON(), shape)
    assert.equal(error.kind, 'refused')
    return true
  })
  node.answer = () => {
    throw new Error('by surprise')
  }
  await assert.rejects(remote.call('wallet', {}, listening()), {
    code: 'FAILED',
    exit: 1,
    message: 'by surprise'
  })
})

test('an error of another version keeps its exit code and message', () => {
  const answer = ({ message, ...data }: { code: string; exit: number; message?: string; hint?: string }) => {
    const error = { code: -32000, message, data }
    return (parseResponse(JSON.stringify({ jsonrpc: '2.0', id: 1, error })) as { error: BushelError }).error
  }
  for (const [exit, code] of [
    [1, 'FAILED'],
    [2, 'BAD_INPUT'],
    [3, 'NOT_FOUND'],
    [4, 'NO_OFFER'],
    [5, 'PAYMENT_FAILED'],
    [130, 'INTERRUPTED'],
    [99, 'FAILED']
  ] as const) {
    const error = answer({ code: 'FROM_ANOTHER_VERSION', exit, message: 'no', hint: 'wait' })
    assert.deepEqual(
      [error.code, error.exit, error.message, error.hint],
      [code, exit === 99 ? 1 : exit, 'no (FROM_ANOTHER_VERSION)', 'wait']
    )
  }
  for (const { code, exit, kind } of ERROR_CODES) {
    const error = answer({ code, exit: 1, message: 'no', hint: '' })
    assert.deepEqual([error.code, error.exit, error.kind], [code, exit, kind])
  }
  assert.equal(answer({ code: 'toString', exit: 1 }).code, 'FAILED')
})

test('a caller that disconnects aborts its own calls and no others', async t => {
  const { node, server } = await served(t)
  const [leaving, staying] = [await dial(t, server), await dial(t, server)]
  node.answer = untilAborted
  const left = leaving.call('mirror', mirror, listening())
  left.catch(() => undefined) // checked below
  const { context } = await node.nextCall()
  const other = staying.call('mirror', mirror, listening())
  other.catch(() => undefined) // it ends with the test
  const stayed = await node.nextCall()
  await leaving.close()
  await once(context.signal, 'abort')
  await assert.rejects(left, { code: 'NODE_GONE' })
  assert.equal(stayed.context.signal.aborted, false)
})

test('an aborted call ends in the node, and the connection stays usable', async t => {
  const { node, server } = await served(t)
  const remote = await dial(t, server)
  node.answer = untilAborted
  const controller = new AbortController()
  const call = remote.call('mirror', mirror, listening(controller.signal))
  call.catch(() => undefined) // checked below
  const asked = await node.nextCall()
  controller.abort()
  await assert.rejects(call, { code: 'INTERRUPTED' })
  assert.ok(asked.context.signal.aborted)
  node.answer = () => ({ ok: true })
  assert.deepEqual(await remote.call('wallet', {}, listening()), { ok: true }, 'the connection goes on')
})

test('closing aborts and answers running calls and removes the socket', async t => {
  const { node, server } = await served(t)
  const remote = await dial(t, server)
  node.answer = untilAborted
  const call = remote.call('mirror', mirror, listening())
  call.catch(() => undefined) // checked below
  await node.nextCall()
  await server.close()
  await assert.rejects(call, { code: 'INTERRUPTED' })
  await assert.rejects(access(server.path), { code: 'ENOENT' })
  assert.equal(await RemoteNode.connect(server.path), null)
})

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

test('calls beyond the bound are refused', async t => {
  const { node, server } = await served(t)
  const remote = await dial(t, server)
  node.answer = untilAborted
  const calls = Array.from({ length: 65 }, () => remote.call('wallet', {}, listening()))
  const refused = await Promise.race(
    calls.map((call, i) => call.catch((error: BushelError) => ({ i, error })))
  )
  assert.ok('error' in refused)
  assert.deepEqual([refused.i, refused.error.code], [64, 'BAD_REQUEST'])
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

test('the socket of a dead node is replaced', async t => {
  const path = controlPath(await folder(t))
  await writeFile(path, 'stale')
  const server = new ControlServer(new FakeNode(), path)
  await server.ready()
  t.after(() => server.close())
  await dial(t, server)
})

test('a node that sends garbage or stops answering fails the call', async t => {
  const path = join(await folder(t), 'false.sock')
  const liar = createServer(socket => {
    socket.on('error', () => socket.destroy())
    socket.once('data', data =>
      data.toString().includes('wallet') ? socket.end('what?\n') : socket.destroy()
    )
  })
  liar.listen(path)
  await once(liar, 'listening')
  t.after(() => liar.close())
  const first = (await RemoteNode.connect(path))!
  await assert.rejects(first.call('wallet', {}, listening()), { code: 'BAD_REQUEST' })
  const second = (await RemoteNode.connect(path))!
  await assert.rejects(second.call('status', {}, listening()), { code: 'NODE_GONE' })
  await assert.rejects(second.call('status', {}, listening()), { code: 'NODE_GONE' })
})

test('a home with a path too long for a socket has its socket elsewhere, where both sides find it', async t => {
  const { TMPDIR } = process.env
  process.env.TMPDIR = await folder(t)
  t.after(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  })
  const home = join(tmpdir(), 'a'.repeat(60), 'b'.repeat(60))
  await mkdir(home, { recursive: true })
  const path = controlPath(home)
  assert.ok(Buffer.byteLength(join(home, 'control.sock')) > 107)
  assert.ok(Buffer.byteLength(path) <= 100)
  assert.notEqual(path, controlPath(home + 'c'))
  const server = new ControlServer(new FakeNode(() => ({ far: true })), path)
  await server.ready()
  t.after(() => server.close())
  assert.equal((await stat(dirname(path))).mode & 0o777, 0o700)
  assert.deepEqual(await (await dial(t, server)).call('wallet', {}, listening()), { far: true })
})

test('a folder that others can open gets no socket', async t => {
  const dir = join(await folder(t), `bushel-${userInfo().uid}`)
  await mkdir(dir)
  await chmod(dir, 0o777)
  const server = new ControlServer(new FakeNode(), join(dir, 'a.sock'))
  await assert.rejects(server.ready(), { code: 'UNSAFE_FOLDER', exit: 2 })
})
