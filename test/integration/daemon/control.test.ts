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
import type { BushelErrorShape } from '../../../contracts/errors/error.js'
import { ERROR_CODES } from '../../../src/cli/exit-codes.js'
import { parseResponse } from '../../../src/daemon/control-messages.js'
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
  const mirror = { path: '/', copies: 1, time: 1 }
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
  const answer = (error: object) => {
    const response = parseResponse(JSON.stringify({ id: 1, error }))
    return BushelError.from((response as { error: BushelErrorShape }).error)
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
  const left = leaving.call('restore', { link: '', dest: '', force: false }, listening())
  left.catch(() => undefined) // checked below
  const { context } = await node.nextCall()
  const other = staying.call('mirror', { path: '/', copies: 1, time: 1 }, listening())
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
  const call = remote.call('mirror', { path: '/', copies: 1, time: 1 }, listening(controller.signal))
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
  const call = remote.call('mirror', { path: '/', copies: 1, time: 1 }, listening())
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
  const junk = [
    'hello',
    '[]',
    'null',
    '{}',
    '{"id":-1}',
    '{"id":"1","method":"wallet","params":{}}',
    '\u0000\u0001',
    ''
  ]
  for (const text of junk) {
    const { socket, line } = await raw(t, server.path)
    socket.write(text + '\n')
    const answer = JSON.parse(await line()) as { id: unknown; error: { code: string } }
    assert.equal(answer.id, null, text)
    assert.equal(answer.error.code, 'BAD_REQUEST', text)
    assert.equal(await line(), '', 'and the connection ends')
  }
  assert.deepEqual(await good.call('wallet', {}, listening()), { fine: true })
  assert.equal(node.asked.length, 1)
})

test('a wrong call with an id is answered, and the connection stays open', async t => {
  const { node, server } = await served(t)
  const { socket, line } = await raw(t, server.path)
  node.answer = () => ({ fine: true })
  const wrong = [
    { id: 1, method: 'toString', params: {} },
    { id: 2, method: 'wallet', params: [] },
    { id: 3, method: 'wallet' }
  ]
  for (const request of wrong) {
    socket.write(JSON.stringify(request) + '\n')
    const answer = JSON.parse(await line()) as { id: number; error: { code: string } }
    assert.deepEqual([answer.id, answer.error.code], [request.id, 'BAD_REQUEST'])
  }
  // A request in three pieces, cut inside a character of two bytes.
  const bytes = Buffer.from('{"id":4,"method":"withdraw","params":{"id":"ö"}}\n')
  const cut = bytes.indexOf(0xb6)
  for (const part of [bytes.subarray(0, 9), bytes.subarray(9, cut), bytes.subarray(cut)]) {
    socket.write(part)
    await sleep(5)
  }
  assert.deepEqual(JSON.parse(await line()), { id: 4, result: { fine: true } })
  assert.deepEqual(node.asked[0]!.params, { id: 'ö' })
})

test('an endless line is not buffered', async t => {
  const { server } = await served(t)
  const { socket, line } = await raw(t, server.path)
  socket.on('error', () => undefined) // the server disconnects us while we write
  socket.write(Buffer.alloc((1 << 20) + 1, 'a'))
  const answer = JSON.parse(await line()) as { error: { message: string } }
  assert.match(answer.error.message, /too long/)
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
  socket.write('{"id":1,"method":"wallet","params":{}}\n')
  let progress = 0
  for (;;) {
    const answer = JSON.parse(await line()) as { result?: object }
    if (answer.result) break
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
  socket.write('{"id":1,"method":"run","params":{}}\n')
  const heard: string[] = []
  for (;;) {
    const answer = JSON.parse(await line()) as { result?: object; progress: { job: string } }
    if (answer.result) break
    heard.push(answer.progress.job)
  }
  assert.deepEqual(
    heard,
    Array.from({ length: 200 }, (_, i) => String(i))
  )
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
