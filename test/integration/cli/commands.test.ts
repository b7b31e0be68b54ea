import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BushelError } from '../../../contracts/errors/error.js'
import { Interruption } from '../../../src/cli/invocation.js'
import { untilAborted } from '../../doubles/fake-node.js'
import { runCommandLine } from '../../parts/cli/command-line.js'
import { a, b, jobEntry, lease } from './sample-answers.js'
import { serveNode } from './served-node.js'

const { node, home } = serveNode()

test('an id may be as short as the tables show it', async () => {
  const ids = ['ybndrfg8ejkm'.padEnd(52, 'y'), 'ybndrfg8cccc'.padEnd(52, 'y')] as const
  node.answer = ({ method, params }) => {
    if (method === 'leases') return { leases: ids.map(id => ({ ...lease, id })) }
    if (method === 'status') return { identity: a, resources: { storage: {}, compute: {} } }
    if (method === 'book' && 'resource' in params && params.resource === 'compute')
      return { asks: [], bids: [] }
    if (method === 'book') return { asks: [{ id: ids[0], identity: b }], bids: [{ id: ids[1], identity: a }] }
    if (method === 'jobs') return { jobs: ids.map(id => ({ ...jobEntry, id })) }
    return { ...params, state: 'ENDED' }
  }
  const ended = await runCommandLine(['--json', 'leases', 'end', 'ybndrfg8e', '--home', home])
  assert.equal(ended.lines[0]!.id, ids[0])
  const withdrawn = await runCommandLine(['--json', 'withdraw', 'ybndrfg8', '--home', home])
  assert.equal(withdrawn.lines[0]!.id, ids[1], 'the only one that is ours')
  const cancelled = await runCommandLine(['--json', 'job', 'cancel', 'ybndrfg8c', '--home', home])
  assert.equal(cancelled.lines[0]!.id, ids[1])
  const several = await runCommandLine(['leases', 'end', 'ybndrfg8', '--home', home])
  assert.deepEqual([several.failure?.code, several.failure?.exit], ['BAD_KEY', 2])
  const none = await runCommandLine(['leases', 'end', 'ejkmcpqx', '--home', home])
  assert.equal(none.failure?.code, 'BAD_KEY')
})

test('a command fails with the error of the node', async () => {
  const shape = { code: 'NO_OFFER' as const, exit: 4, message: 'nobody\noffers that', hint: 'pay more' }
  node.answer = () => Promise.reject(new BushelError(shape.code, shape.message, shape.hint))
  const json = await runCommandLine(['mirror', '.', '--json', '--home', home])
  assert.deepEqual(json.lines, [{ error: shape }])
  const people = await runCommandLine(['mirror', '.', '--home', home])
  assert.equal(people.stderr, 'bushel: nobody offers that\nhint: pay more\n')
})

test('Ctrl-C aborts the call in the node and exits with code 130', async () => {
  node.answer = untilAborted
  const controller = new AbortController()
  const asked = node.nextCall()
  const command = runCommandLine(['mirror', '.', '--json', '--home', home], controller.signal)
  const { context } = await asked
  controller.abort(new Interruption('SIGINT'))
  const { failure, lines } = await command
  assert.equal(failure?.exit, 130)
  assert.equal((lines[0]!.error as { code: string }).code, 'INTERRUPTED')
  assert.ok(context.signal.aborted)
})

test('--watch prints whatever has changed until it is stopped', async () => {
  const controller = new AbortController()
  const leases = [lease]
  let reads = 0
  node.answer = () => {
    if (++reads === 3) leases.push({ ...lease, id: b })
    if (reads === 4) controller.abort(new Interruption('SIGINT'))
    return { leases }
  }
  const { lines, failure } = await runCommandLine(
    ['leases', '--watch', '--json', '--home', home],
    controller.signal
  )
  assert.equal(failure?.exit, 130)
  const counts = lines.filter(line => line.leases).map(line => (line.leases as unknown[]).length)
  assert.deepEqual(counts.slice(0, 2), [1, 2])
})

test('`up` is refused on a home whose node is already running', async () => {
  for (const more of [[], ['--dry-run']]) {
    const { failure } = await runCommandLine(['up', ...more, '--home', home])
    assert.deepEqual([failure?.code, failure?.exit], ['ALREADY_RUNNING', 2])
    assert.match(failure!.message, new RegExp(String(process.pid)))
  }
})
