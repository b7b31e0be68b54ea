import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { read, useMarket, withNode, withRunning } from '../../../src/daemon/access.js'
import type { HomeAccess } from '../../../src/daemon/access.js'
import { Daemon, checkDaemon } from '../../../src/daemon/daemon.js'
import type { DaemonNodeOptions, OpenNode, ReadOffline } from '../../../src/daemon/node-port.js'
import { Home } from '../../../src/identity/home.js'
import { FakeNode, listening } from '../../doubles/fake-node.js'

async function newHome(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-daemon-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  await Home.create(join(dir, 'home'))
  return join(dir, 'home')
}

const markets = [
  { key: 'y'.repeat(52), name: 'here', role: 'reader' as const, used: false },
  { key: 'b'.repeat(52), name: 'there', role: 'reader' as const, used: true },
  { key: 'n'.repeat(52), name: 'twice', role: 'reader' as const, used: false },
  { key: 'd'.repeat(52), name: 'twice', role: 'reader' as const, used: false }
]

/** Opens fake nodes and records how. */
function opener(node = new FakeNode(() => ({ markets }))): {
  node: FakeNode
  opened: DaemonNodeOptions[]
  openNode: OpenNode
} {
  const opened: DaemonNodeOptions[] = []
  return {
    node,
    opened,
    openNode: options => {
      opened.push(options)
      return Promise.resolve(node)
    }
  }
}

function placeOf(home: string, openNode: OpenNode): HomeAccess {
  const readOffline = ((_home: Home, method: string) =>
    Promise.resolve({ disk: method, markets })) as ReadOffline
  return { home, bootstrap: null, command: 'test', openNode, readOffline }
}

async function upOn(t: TestContext, home: string, openNode: OpenNode): Promise<Daemon> {
  const daemon = new Daemon({ home, bootstrap: null, openNode })
  await daemon.ready()
  t.after(() => daemon.close())
  return daemon
}

test('a second node on one home is refused with the first one named, and may run afterwards', async t => {
  const home = await newHome(t)
  const { node, opened, openNode } = opener()
  const first = await upOn(t, home, openNode)
  const ready = await first.describe()
  assert.deepEqual([ready.pid, ready.market, ready.host], [process.pid, 'b'.repeat(52), '127.0.0.1'])
  const second = new Daemon({ home, bootstrap: null, openNode })
  const refusal = { code: 'ALREADY_RUNNING', exit: 2, message: new RegExp(String(process.pid)) }
  await assert.rejects(second.ready(), refusal)
  await assert.rejects(checkDaemon(home), refusal)
  assert.equal(opened.length, 1)
  await first.close()
  assert.ok(node.closed)
  await checkDaemon(home)
  await upOn(t, home, openNode)
})

test('commands use the running node through its socket', async t => {
  const home = await newHome(t)
  const up = opener()
  await upOn(t, home, up.openNode)
  const own = opener()
  const place = placeOf(home, own.openNode)
  up.node.answer = ({ method }) => ({ from: method })
  const context = listening()
  assert.deepEqual(await withRunning(place, node => node.call('withdraw', { id: 'y'.repeat(52) }, context)), {
    from: 'withdraw'
  })
  assert.deepEqual(await withNode(place, node => node.call('book', {}, context)), { from: 'book' })
  assert.deepEqual(await read(place, 'wallet', context), { from: 'wallet' })
  assert.deepEqual(await useMarket(place, { market: 'here', dryRun: false }, context), { from: 'market.use' })
  assert.equal(own.opened.length, 0)
  assert.ok(!up.node.closed)
})

test('without a running node each command fails, opens a node of its own or reads the disk', async t => {
  const home = await newHome(t)
  const { node, opened, openNode } = opener()
  const place = placeOf(home, openNode)
  const context = listening()
  await assert.rejects(
    withRunning(place, () => assert.fail('there is no node')),
    { code: 'NOT_RUNNING', exit: 1, hint: /bushel up/ }
  )
  assert.deepEqual(await read(place, 'leases', context), { disk: 'leases', markets })
  assert.equal(opened.length, 0)
  await withNode(place, async used => {
    await used.call('wallet', {}, context)
    assert.equal(opened[0]!.serve, false)
    assert.ok(!node.closed)
    const other = { ...place, command: 'other' }
    await assert.rejects(
      withNode(other, () => assert.fail('the home is taken')),
      { code: 'ALREADY_RUNNING', message: /`bushel test`/ }
    )
  })
  assert.ok(node.closed)
  await assert.rejects(
    withNode(place, () => Promise.reject(new Error('in the middle'))),
    /in the middle/
  )
  await checkDaemon(home)
})

test('a command waits for a node that is starting, and a failed start frees the home', async t => {
  const home = await newHome(t)
  let open = (_node: FakeNode): void => undefined
  let fail = (_error: Error): void => undefined
  const openNode: OpenNode = () =>
    new Promise<FakeNode>((resolve, reject) => {
      open = resolve
      fail = reject
    })
  const place = placeOf(home, openNode)
  const ask = (): Promise<unknown> => withRunning(place, node => node.call('wallet', {}, listening()))

  const failing = new Daemon({ home, bootstrap: null, openNode })
  const failed = assert.rejects(failing.ready(), /no network/)
  while (!(await Home.open(home)).holder()?.control) await new Promise(setImmediate)
  const unlucky = assert.rejects(ask(), { code: 'NOT_RUNNING' })
  fail(new Error('no network'))
  await failed
  await unlucky

  const daemon = new Daemon({ home, bootstrap: null, openNode })
  t.after(() => daemon.close())
  const starting = daemon.ready()
  while (!(await Home.open(home)).holder()?.control) await new Promise(setImmediate)
  const lucky = ask()
  open(new FakeNode(() => ({ late: true })))
  await starting
  assert.deepEqual(await lucky, { late: true })
})

test('the market to use is chosen from the disk alone', async t => {
  const home = await newHome(t)
  const { opened, openNode } = opener()
  const place = placeOf(home, openNode)
  const use = (market: string, dryRun = false): Promise<unknown> =>
    useMarket(place, { market, dryRun }, listening())
  assert.deepEqual(await use('here', true), { key: 'y'.repeat(52), name: 'here', dryRun: true })
  assert.equal((await Home.open(home)).market, null)
  assert.deepEqual(await use('b'.repeat(52)), { key: 'b'.repeat(52), name: 'there' })
  assert.ok((await Home.open(home)).market)
  await assert.rejects(use('nowhere'), { code: 'MARKET_NOT_FOUND', exit: 3 })
  await assert.rejects(use('twice'), { code: 'WHICH_MARKET', exit: 2 })
  assert.equal(opened.length, 0)
})
