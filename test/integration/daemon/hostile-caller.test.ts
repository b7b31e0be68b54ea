import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import fc from 'fast-check'
import { ControlServer } from '../../../src/daemon/control-server.js'
import { RemoteNode } from '../../../src/daemon/remote-node.js'
import { FakeNode, listening } from '../../doubles/fake-node.js'
import { badParams } from '../../unit/node/bad-params.js'
import { VALID } from '../../unit/node/valid-params.js'

interface Answer {
  id: number
  result?: unknown
  error?: { code: number; message: string; data: { code: string; exit: number } }
}

test('a caller that sends only bad parameters is told the field each time, and the node hears nothing', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-hostile-'))
  const node = new FakeNode(() => ({ fine: true }))
  const server = new ControlServer(node, join(dir, 'control'))
  await server.ready()
  t.after(async () => {
    await server.close()
    await rm(dir, { recursive: true, force: true })
  })
  const good = (await RemoteNode.connect(server.path))!
  t.after(() => good.close())
  const socket = connect(server.path)
  await once(socket, 'connect')
  const lines = createInterface(socket)[Symbol.asyncIterator]() as AsyncIterator<string>
  let id = 0
  const ask = async (method: string, params: unknown): Promise<Answer> => {
    socket.write(JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params }) + '\n')
    const answer = JSON.parse((await lines.next()).value as string) as Answer
    assert.equal(answer.id, id)
    return answer
  }
  await fc.assert(
    fc.asyncProperty(badParams, async ({ method, params, field }) => {
      const { error } = await ask(method, params)
      assert.ok(error, 'it is refused')
      assert.deepEqual([error.code, error.data.code, error.data.exit], [-32602, 'BAD_INPUT', 2])
      assert.ok(error.message.includes(`'${field.replace(/[^\x20-\x7e]/g, '?').slice(0, 80)}`), error.message)
    }),
    { numRuns: 1000 }
  )
  assert.equal(node.asked.length, 0)
  for (const [method, params] of Object.entries(VALID)) {
    assert.deepEqual((await ask(method, params)).result, { fine: true }, method)
    assert.deepEqual(node.asked.at(-1)!.params, params)
  }
  assert.deepEqual(await good.call('status', {}, listening()), { fine: true }, 'others notice nothing')
})
