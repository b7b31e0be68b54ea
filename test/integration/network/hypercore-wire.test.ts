import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import crypto from 'hypercore-crypto'
import { wire } from 'hypercore/lib/messages.js'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import type Hypercore from 'hypercore'
import { attachCore, openStore } from '../../../src/network/cores.js'
import { guardCore } from '../../../src/network/hypercore-guard.js'
import { Announcements } from '../../../src/network/announcements.js'
import { MESSAGES } from '../../../src/network/hypercore-wire.js'
import type { WirePeer } from '../../../src/network/hypercore-wire.js'
import { guardMux } from '../../../src/network/mux.js'
import { PageBudget } from '../../../src/network/page-budget.js'
import { Replica } from './hostile-replica.js'
import { pagesOf } from './pages.js'

const LIMIT = { timeout: 60_000 }
const PAGE = 2 ** 15

/** A core that replicates with every peer within a budget of pages, and a function that connects to it. */
async function served(
  t: TestContext,
  budget: PageBudget
): Promise<{ core: Hypercore; streams: NoiseStream[]; open: () => Promise<Replica> }> {
  const testnet = await createTestnet(2, { host: '127.0.0.1' })
  const folder = await mkdtemp(join(tmpdir(), 'bushel-wire-'))
  const store = openStore(join(folder, 'store'))
  const core = store.get({ name: 'core' })
  await core.append(['a', 'b', 'c'].map(text => Buffer.from(text)))
  const dht = new HyperDHT({ bootstrap: testnet.bootstrap, host: '127.0.0.1', firewalled: false })
  const streams: NoiseStream[] = []
  const server = dht.createServer({}, stream => {
    stream.on('error', () => stream.destroy())
    guardMux(stream, { wrote: () => undefined, announced: budget })
    attachCore(core, stream)
    streams.push(stream)
  })
  const keyPair = crypto.keyPair()
  await server.listen(keyPair)
  const replicas: Replica[] = []
  t.after(async () => {
    for (const replica of replicas) await replica.close()
    await server.close()
    await dht.destroy()
    await store.close()
    await testnet.destroy()
    await rm(folder, { recursive: true })
  })
  const open = async (): Promise<Replica> => {
    const replica = await Replica.open(testnet.bootstrap, keyPair.publicKey, core.key, folder)
    replicas.push(replica)
    return replica
  }
  return { core, streams, open }
}

/** Announces the first block of each of `count` pages and resolves when the other side has processed it. */
async function announce(
  replica: Replica,
  core: Hypercore,
  stream: NoiseStream,
  pages: number
): Promise<void> {
  replica.send(({ wireRange }) => {
    for (let i = 0; i < pages; i++) wireRange!.send({ drop: false, start: 100 + i * PAGE, length: 1 })
  })
  const index = pages * PAGE - PAGE + 100
  const peers = core.core.replicator.peers as (WirePeer & {
    stream: NoiseStream
    remoteBitfield: { get(index: number): boolean }
  })[]
  while (!stream.destroyed && !peers.find(each => each.stream === stream)?.remoteBitfield.get(index))
    await new Promise(setImmediate)
}

test(
  'when peers together announce too much, the one that announces most loses its connection',
  LIMIT,
  async t => {
    const { core, streams, open } = await served(t, new PageBudget(64))
    const [large, small, other] = [await open(), await open(), await open()]
    const [first, second, third] = streams as [NoiseStream, NoiseStream, NoiseStream]
    await announce(large, core, first, 40)
    await announce(small, core, second, 15)
    assert.equal(first.destroyed, false)
    const ended = new Promise<string>(resolve => first.once('error', error => resolve(error.message)))
    await announce(other, core, third, 20)
    assert.match(await ended, /its announcements take the most memory of all connections/)
    assert.equal(pagesOf(core, second), 30, 'a page for what it has and a page for what is missing here')
    assert.equal(pagesOf(core, third), 40)
    assert.equal((await small.core.get(2, { timeout: 20_000 }))?.toString(), 'c')
  }
)

test(
  'a core of many small blocks, and blocks appended later, replicate over one connection',
  LIMIT,
  async t => {
    const { core, streams, open } = await served(t, new PageBudget(64))
    const blocks = (count: number): Buffer[] =>
      Array.from({ length: count }, (_, i) => Buffer.from(`block ${i}`))
    await core.append(blocks(4000))
    const replica = await open()
    const downloaded = new Promise<void>(resolve => {
      let missing = 5000
      replica.core.on('download', () => {
        if (--missing === 0) resolve()
      })
    })
    const ended = new Promise<void>((_, reject) =>
      replica.stream.once('close', () => reject(new Error('closed')))
    )
    replica.core.download({ start: 3, end: -1 })
    for (const block of blocks(1000)) await core.append(block)
    await Promise.race([downloaded, ended])
    assert.equal(await replica.core.has(3, 5003), true)
    assert.equal(streams.length, 1)
  }
)

test('hypercore has the internals that the guard relies on', LIMIT, async t => {
  const { core, open } = await served(t, new PageBudget(64))
  await open()
  const [peer] = core.core.replicator.peers as [WirePeer]
  assert.equal(typeof peer.core.state.length, 'number')
  assert.equal(typeof peer.core.state.fork, 'number')
  assert.equal(typeof peer.core.header.hints.contiguousLength, 'number')
  assert.equal(typeof peer.core.verify, 'function')
  assert.equal(typeof peer.core.checkConflict, 'function')
  assert.equal(typeof peer.replicator._onreorgdata, 'function')
  assert.ok(Array.isArray(peer.replicator._reorgs))
  assert.equal(peer.replicator._inflight.get(1000), null)
  assert.equal(typeof peer.receiverQueue.queue.length, 'number')
  assert.ok(Array.isArray(peer.receiverQueue.priority))
})

test('the message numbers have the names by which they are checked', () => {
  const span = { start: 1, length: 2 }
  const path = { index: 1, nodes: 2 }
  const proof = { index: 2, nodes: [] }
  const flags = {
    canUpgrade: true,
    uploading: true,
    downloading: true,
    hasManifest: true,
    allowPush: false
  }
  const messages: Record<(typeof MESSAGES)[number], object> = {
    sync: { fork: 1, length: 2, remoteLength: 3, ...flags },
    request: {
      id: 1,
      fork: 2,
      block: path,
      hash: path,
      seek: { bytes: 1, padding: 2 },
      upgrade: span,
      manifest: false,
      priority: 1
    },
    cancel: { request: 1 },
    data: {
      request: 1,
      fork: 2,
      block: { ...proof, value: Buffer.alloc(1) },
      hash: proof,
      seek: { bytes: 1, nodes: [] },
      upgrade: {
        ...span,
        nodes: [{ index: 1, size: 2, hash: Buffer.alloc(32) }],
        additionalNodes: [],
        signature: null
      },
      manifest: null
    },
    noData: { request: 1, reason: 2 },
    want: { ...span, any: false },
    unwant: { ...span, any: false },
    bitfield: { start: 1, bitfield: new Uint32Array(4) },
    range: { ...span, drop: true },
    extension: { name: 'name', message: Buffer.alloc(1) }
  }
  for (const name of MESSAGES) {
    const { preencode, encode, decode } = wire[name] as {
      preencode(state: object, message: object): void
      encode(state: object, message: object): void
      decode(state: object): object
    }
    const state = { start: 0, end: 0, buffer: Buffer.alloc(1000) }
    preencode(state, messages[name])
    encode(state, messages[name])
    assert.deepEqual(decode({ ...state, end: state.start, start: 0 }), messages[name], name)
  }
})

test('a channel with other messages than the guarded ones is refused', () => {
  const announcements = new Announcements(new PageBudget(1), () => undefined)
  const messages = MESSAGES.map(name => ({ encoding: wire[name], onmessage: () => undefined }))
  const channel = { protocol: 'hypercore/alpha', messages }
  assert.equal(guardCore(channel, announcements).messages?.length, MESSAGES.length)
  assert.throws(() => guardCore({ ...channel, messages: messages.toReversed() }, announcements), /version/)
  assert.throws(() => guardCore({ ...channel, messages: messages.slice(1) }, announcements), /version/)
})
