import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { access, chmod, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { test } from 'node:test'
import { BushelError } from '../../../contracts/errors/error.js'
import { loggerTo } from '../../../src/base/logger.js'
import type { LogLine } from '../../../src/base/logger.js'
import { ERROR_CODES } from '../../../src/cli/exit-codes.js'
import { parseResponse } from '../../../src/daemon/json-rpc.js'
import { ControlServer } from '../../../src/daemon/control-server.js'
import { controlPath } from '../../../src/daemon/control-path.js'
import { RemoteNode } from '../../../src/daemon/remote-node.js'
import { FakeNode, listening, untilAborted } from '../../doubles/fake-node.js'
import { folder } from '../../parts/folder.js'
import { dial, mirror, served } from './served.js'

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

test('the socket of a dead node is replaced', async t => {
  const path = controlPath(await folder(t))
  await writeFile(path, 'stale')
  const server = new ControlServer(new FakeNode(), path)
  await server.ready()
  t.after(() => server.close())
  await dial(t, server)
})

test('a socket that was deleted is made again, and calls under way go on', async t => {
  const path = controlPath(await folder(t))
  let isBack: () => void = () => undefined
  const back = new Promise<void>(resolve => (isBack = resolve))
  const server = new ControlServer(
    new FakeNode(),
    path,
    loggerTo(({ message }) => /is there again/.test(message) && isBack())
  )
  await server.ready()
  t.after(() => server.close())
  const before = await dial(t, server)
  await rm(path)
  await back
  assert.ok(await (await dial(t, server)).call('wallet', {}, listening()))
  assert.ok(await before.call('wallet', {}, listening()))
})

test('a fault of the program in a call is in the log, with its part, its time and its stack', async t => {
  const lines: LogLine[] = []
  const fault = new TypeError('a thing is undefined')
  const node = new FakeNode(() => {
    throw fault
  })
  const server = new ControlServer(
    node,
    controlPath(await folder(t)),
    loggerTo(line => lines.push(line), 'debug', 'control')
  )
  await server.ready()
  t.after(() => server.close())
  await assert.rejects((await dial(t, server)).call('wallet', {}, listening()), { code: 'FAILED' })
  const [line] = lines
  assert.deepEqual(
    [line!.level, line!.part, line!.error, line!.fields.call],
    ['error', 'control', fault, 'wallet']
  )
  assert.ok(line!.at > 0)
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

for (const [what, temporary] of [
  ['is not there', join(tmpdir(), 'bushel-none', 'here')],
  ['is named relative to where a process runs', '.']
] as const)
  test(`a home with a long path has its socket at an absolute path when the folder for temporary files ${what}`, async t => {
    const { TMPDIR } = process.env
    const home = join(await folder(t), 'a'.repeat(60), 'b'.repeat(60))
    process.env.TMPDIR = temporary
    t.after(() => {
      if (TMPDIR === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = TMPDIR
    })
    const path = controlPath(home)
    assert.ok(isAbsolute(path), path)
    assert.ok(existsSync(dirname(dirname(path))), path)
  })

test('a folder that others can open gets no socket', async t => {
  const dir = join(await folder(t), `bushel-${userInfo().uid}`)
  await mkdir(dir)
  await chmod(dir, 0o777)
  const server = new ControlServer(new FakeNode(), join(dir, 'a.sock'))
  await assert.rejects(server.ready(), { code: 'UNSAFE_FOLDER', exit: 2 })
})
