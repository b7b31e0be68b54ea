import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import z32 from 'z32'
import { sealOf } from '../../src/storage/lease/audit.js'
import { OpenPack } from '../../src/storage/archive/packed.js'
import type { ShelfProgress } from '../../src/storage/shelf/fetching.js'
import { openStore } from '../../src/network/cores.js'
import { noise, openShelf, packAt, shelved } from './children/packed-drive.js'
import { makeTree } from '../world/tree.js'
import { throttled } from './children/throttle.js'
import { atEnd, connect, scratch } from './children/wire.js'

async function openOwn(t: TestContext, folder: string): Promise<Corestore> {
  const store = openStore(folder)
  await store.ready()
  atEnd(t, () => store.close())
  return store
}

async function owned(store: Corestore, name: string, blocks: Buffer[]): Promise<Hypercore> {
  const core = store.get({ name })
  await core.ready()
  if (blocks.length > 0) await core.append(blocks)
  return core
}

/** A core of these blocks in a store of its own, in a new folder. */
async function ownCore(
  t: TestContext,
  blocks: Buffer[]
): Promise<{ folder: string; own: Corestore; core: Hypercore }> {
  const folder = await scratch(t)
  const own = await openOwn(t, join(folder, 'own'))
  return { folder, own, core: await owned(own, 'core', blocks) }
}

function blocksOf(count: number, bytes: number): Buffer[] {
  return Array.from({ length: count }, () => noise(bytes))
}

async function limitOf(
  core: Hypercore,
  length = core.length
): Promise<{
  key: Buffer
  length: number
  byteLength: number
}> {
  const { key, byteLength } = await sealOf(core, length)
  return { key, length, byteLength }
}

async function filesUnder(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  return found.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}

test('the shelf holds no plaintext, no file name and no key', async t => {
  const folder = await scratch(t)
  const marker = 'QUINCE MARMALADE, a line that no cipher makes. '
  await makeTree(join(folder, 'tree'), {
    'secret-recipe.txt': marker.repeat(20_000),
    'cellar/short.txt': marker,
    'cellar/quince-link': { link: 'short.txt' }
  })
  const packedDrive = await packAt(t, join(folder, 'tree'), join(folder, 'own'))
  const shelf = await shelved(t, packedDrive, join(folder, 'shelf'))
  assert.deepEqual(await shelf.seals('lease'), packedDrive.result.seals)
  await shelf.close()
  const { encryptionKey } = packedDrive.result
  const needles = [
    Buffer.from('QUINCE'),
    Buffer.from('secret-recipe'),
    Buffer.from('cellar'),
    Buffer.from('sha256'),
    encryptionKey,
    Buffer.from(encryptionKey.toString('hex')),
    Buffer.from(z32.encode(encryptionKey))
  ]
  let bytes = 0
  for (const file of await filesUnder(join(folder, 'shelf'))) {
    const content = await readFile(file)
    bytes += content.byteLength
    for (const needle of needles) assert.equal(content.indexOf(needle), -1, `${needle.toString()} in ${file}`)
  }
  assert.ok(bytes > packedDrive.result.storedBytes, 'the goods were searched')
})

test('a fetch resumes where it stopped and requests nothing twice', async t => {
  const { folder, own, core } = await ownCore(t, blocksOf(300, 40_000))
  const limit = await limitOf(core)
  const packed = new OpenPack(own, [core.key])
  let sent = 0
  core.on('upload', () => sent++)

  const first = await openShelf(t, join(folder, 'shelf'))
  await first.keep({ id: 'a', cores: [limit], egressBytes: 0 })
  const wire = connect(packed, first, () => [throttled(8e6)])
  await first.attach('a', wire.ends[1])
  const stop = new AbortController()
  let half: ShelfProgress | null = null
  const fetching = first.fetch('a', {
    signal: stop.signal,
    onProgress: progress => {
      half = progress
      if (progress.blocks >= 100) stop.abort(new Error('cut'))
    }
  })
  await assert.rejects(fetching, { message: 'cut' })
  await assert.rejects(first.seals('a'), { code: 'INCOMPLETE' })
  await wire.cut()
  await first.close()
  assert.ok(half!.blocks < 300)
  assert.equal(half!.totalBytes, 300 * 40_000)

  const second = await openShelf(t, join(folder, 'shelf'))
  assert.equal(second.leases[0]!.complete, false)
  sent = 0
  const again = connect(packed, second)
  await second.attach('a', again.ends[1])
  await second.fetch('a')
  assert.equal(second.leases[0]!.complete, true)
  assert.deepEqual(await second.seals('a'), await packed.seals())
  assert.ok(sent <= 300 - half!.blocks, `${sent} blocks were sent after ${half!.blocks}`)
  await again.cut()
})

test('nothing beyond the agreed length is fetched, and growth beyond it costs the shelf nothing', async t => {
  const folder = await scratch(t)
  const own = await openOwn(t, join(folder, 'own'))
  const long = await owned(own, 'long', blocksOf(50, 1000))
  const tiny = await owned(own, 'tiny', Array(20_000).fill(Buffer.from('1')))
  const other = await owned(own, 'other', [noise(10)])
  const packed = new OpenPack(own, [long.key, tiny.key, other.key])
  const shelf = await openShelf(t, join(folder, 'shelf'))
  const wire = connect(packed, shelf)
  const cores = [await limitOf(long, 21), await limitOf(tiny, 1000)]
  await shelf.keep({ id: 'a', cores, egressBytes: 0 })
  await shelf.attach('a', wire.ends[1])
  await shelf.fetch('a')
  assert.deepEqual(await shelf.seals('a'), [await sealOf(long, 21), await sealOf(tiny, 1000)])
  const length = (await shelf.proofs('a', [{ core: 0, index: 20 }]))[0]!.roots.length
  assert.ok(length > 0)

  // all that the owner has sent of the core, Merkle nodes included
  const sent = (): number => long.core.replicator.stats.wireData.tx as number
  const before = sent()
  for (let i = 0; i < 100; i++) await long.append(blocksOf(10, 1000))
  // a second core over the same connection: when it is here, all earlier messages have arrived
  await shelf.keep({ id: 'b', cores: [await limitOf(other)], egressBytes: 0 })
  await shelf.attach('b', wire.ends[1])
  await shelf.fetch('b')
  assert.ok(before > 0)
  assert.equal(sent(), before)
  await wire.cut()
})

test('a core that differs from the agreed one is a violation, and no more of it is fetched', async t => {
  const folder = await scratch(t)
  const own = await openOwn(t, join(folder, 'own'))
  const shelf = await openShelf(t, join(folder, 'shelf'))

  const large = await owned(own, 'large', blocksOf(100, 100_000))
  const block = await owned(own, 'block', [...blocksOf(8, 1000), noise(3 << 20)])
  const forked = await owned(own, 'forked', blocksOf(20, 1000))
  const promised = await limitOf(forked)
  await forked.truncate(10)
  await forked.append(blocksOf(10, 1000))
  const packed = new OpenPack(own, [large.key, block.key, forked.key])
  let sent = 0
  for (const core of [large, block, forked]) core.on('upload', () => sent++)

  const cases = {
    CORE_TOO_LARGE: { ...(await limitOf(large)), byteLength: 9_999_999 },
    BLOCK_TOO_LARGE: { ...(await limitOf(block)) },
    CORE_FORKED: promised
  }
  for (const [code, limit] of Object.entries(cases)) {
    sent = 0
    const wire = connect(packed, shelf)
    const id = code.toLowerCase().replaceAll('_', '')
    await shelf.keep({ id, cores: [limit], egressBytes: 0 })
    await shelf.attach(id, wire.ends[1])
    await assert.rejects(shelf.fetch(id), { code })
    assert.ok(sent <= 1, `${sent} blocks were sent for ${code}`)
    await shelf.drop(id)
    await wire.cut()
  }
  assert.ok((await shelf.usage()).usedBytes < 65_536, 'its disk is as before')
})

test('two signed histories of a core are a violation', async t => {
  const folder = await scratch(t)
  const [one, two] = [await openOwn(t, join(folder, 'one')), await openOwn(t, join(folder, 'two'))]
  const keyPair = await one.createKeyPair('double')
  const told = one.get({ keyPair })
  const untold = two.get({ keyPair })
  for (const core of [told, untold]) {
    await core.ready()
    await core.append(blocksOf(200, 20_000))
  }
  const shelf = await openShelf(t, join(folder, 'shelf'))
  await shelf.keep({ id: 'a', cores: [await limitOf(told)], egressBytes: 0 })
  const wires = [connect(new OpenPack(one, [told.key]), shelf), connect(new OpenPack(two, [told.key]), shelf)]
  await shelf.attach('a', wires[0]!.ends[1])
  const fetching = shelf.fetch('a', {
    onProgress: ({ blocks }) => {
      if (blocks > 0) void shelf.attach('a', wires[1]!.ends[1])
    }
  })
  await assert.rejects(fetching, { code: 'CORE_FORKED' })
  for (const wire of wires) await wire.cut()
})

test('a reader that claims another fork ends no lease', async t => {
  const { folder, own, core } = await ownCore(t, blocksOf(50, 1000))
  const limit = await limitOf(core)
  const liarStore = await openOwn(t, join(folder, 'liar'))
  const copy = liarStore.get({ keyPair: core.keyPair! })
  await copy.ready()
  await copy.append(blocksOf(50, 1000))
  await copy.truncate(10)
  const shelf = await openShelf(t, join(folder, 'shelf'))
  await shelf.keep({ id: 'a', cores: [limit], egressBytes: 1000 })
  const liar = connect(new OpenPack(liarStore, [core.key]), shelf)
  assert.ok(await shelf.serve(core.discoveryKey, liar.ends[1]))
  const wire = connect(new OpenPack(own, [core.key]), shelf)
  await shelf.attach('a', wire.ends[1])
  await shelf.fetch('a')
  assert.deepEqual(await shelf.seals('a'), [await sealOf(core)])
  await liar.cut()
  await wire.cut()
})

test('a dropped lease gives its disk back, to the last byte of its cores', async t => {
  const folder = await scratch(t)
  const own = await openOwn(t, join(folder, 'own'))
  const size = 12 << 20
  const cores = await Promise.all(['a', 'b'].map(name => owned(own, name, blocksOf(48, size / 48))))
  const packed = new OpenPack(
    own,
    cores.map(core => core.key)
  )
  const shelf = await openShelf(t, join(folder, 'shelf'))
  const empty = (await shelf.usage()).usedBytes
  const wire = connect(packed, shelf)
  await Promise.all(
    ['a', 'b'].map(async (id, i) => {
      await shelf.keep({ id, cores: [await limitOf(cores[i]!)], egressBytes: 0 })
      await shelf.attach(id, wire.ends[1])
      await shelf.fetch(id)
    })
  )
  const both = await shelf.usage()
  assert.ok(both.usedBytes > 2 * size)
  assert.equal(both.reservedBytes, 2 * (size + 48 * 128))
  await shelf.drop('a')
  const one = await shelf.usage()
  assert.ok(one.usedBytes < both.usedBytes - size, `${both.usedBytes} before, ${one.usedBytes} after`)
  assert.equal(one.reservedBytes, size + 48 * 128)
  assert.equal((await shelf.proofs('b', [{ core: 0, index: 7 }])).length, 1)
  await assert.rejects(shelf.seals('a'), { code: 'LEASE_NOT_FOUND', exit: 3 })
  assert.equal(await shelf.serve(cores[0]!.discoveryKey, wire.ends[1]), false)
  await shelf.drop('b')
  assert.equal((await shelf.usage()).usedBytes, empty)
  await wire.cut()
})

test('a core that two leases name stays as long and as far as one of them needs it', async t => {
  const { folder, own, core } = await ownCore(t, blocksOf(40, 5000))
  const shelf = await openShelf(t, join(folder, 'shelf'))
  const wire = connect(new OpenPack(own, [core.key]), shelf)
  await shelf.keep({ id: 'all', cores: [await limitOf(core)], egressBytes: 0 })
  await shelf.keep({ id: 'some', cores: [await limitOf(core, 10)], egressBytes: 0 })
  await shelf.attach('all', wire.ends[1])
  await shelf.fetch('all')
  await shelf.fetch('some')
  await wire.cut()
  await shelf.drop('all')
  assert.deepEqual(await shelf.seals('some'), [await sealOf(core, 10)])
  await shelf.keep({ id: 'more', cores: [await limitOf(core, 20)], egressBytes: 0 })
  await assert.rejects(shelf.seals('more'), { code: 'INCOMPLETE' })
  assert.equal((await shelf.proofs('some', [{ core: 0, index: 9 }]))[0]!.index, 9)
})

test('the shelf survives a restart, and an interrupted removal finishes at the next start', async t => {
  const { folder, core } = await ownCore(t, blocksOf(4, 1000))
  const limit = await limitOf(core)
  const first = await openShelf(t, join(folder, 'shelf'))
  await first.keep({ id: 'a', cores: [limit], egressBytes: 500 })
  await first.keep({ id: 'a', cores: [limit], egressBytes: 700 })
  await assert.rejects(first.keep({ id: 'a', cores: [], egressBytes: 1 }), { code: 'BAD_INPUT' })
  await assert.rejects(first.keep({ id: '../a', cores: [limit], egressBytes: 1 }), { code: 'BAD_INPUT' })
  await first.close()
  await makeTree(join(folder, 'shelf', 'cores', 'f'.repeat(64)), { 'db/left.blob': noise(1000) })
  await makeTree(join(folder, 'shelf', 'leases'), { 'b.json.99999999.new': '{"half' })
  const second = await openShelf(t, join(folder, 'shelf'))
  const [kept, ...others] = second.leases
  assert.equal(others.length, 0)
  assert.deepEqual([kept!.id, kept!.cores], ['a', [limit]])
  assert.deepEqual([kept!.egressBytes, kept!.egressUsed, kept!.complete], [700, 0, false])
  assert.deepEqual(await readdir(join(folder, 'shelf', 'leases')), ['a.json'])
  assert.deepEqual(await readdir(join(folder, 'shelf', 'cores')), [])
})

test('egress is counted, survives a restart and stays within the agreement', async t => {
  const { folder, own, core } = await ownCore(t, blocksOf(60, 10_000))
  const limit = await limitOf(core)
  const first = await openShelf(t, join(folder, 'shelf'))
  await first.keep({ id: 'a', cores: [limit], egressBytes: 250_000 })
  const up = connect(new OpenPack(own, [core.key]), first)
  await first.attach('a', up.ends[1])
  await first.fetch('a')
  await up.cut()
  assert.deepEqual(first.egress('a'), { usedBytes: 0, limitBytes: 250_000 })

  const reader = await openOwn(t, join(folder, 'reader'))
  const copy = reader.get({ key: core.key })
  await copy.ready()
  const down = connect(first, null)
  copy.replicate(down.ends[1])
  await copy.download({ start: 0, end: 10 }).done()
  await down.cut()
  const { usedBytes } = first.egress('a')
  assert.ok(usedBytes >= 100_000 && usedBytes <= 110_000, `${usedBytes} bytes`)
  await first.close()

  const second = await openShelf(t, join(folder, 'shelf'))
  assert.equal(second.egress('a').usedBytes, usedBytes)
  const again = connect(second, null)
  copy.replicate(again.ends[1])
  const spent = once(second, 'egress-spent')
  const removed = once(copy, 'peer-remove')
  copy.download({ start: 0, end: 60 })
  assert.deepEqual(await spent, ['a'])
  await removed
  const { usedBytes: all } = second.egress('a')
  assert.ok(all >= 250_000 && all <= 280_000, `${all} bytes`)
  assert.ok(!(await copy.has(0, 60)))
  assert.equal(await second.serve(core.discoveryKey, again.ends[0]), false)

  // a larger egress limit serves more
  await second.keep({ id: 'a', cores: [limit], egressBytes: 2_000_000 })
  await again.cut()
  const third = connect(second, null)
  copy.replicate(third.ends[1])
  await copy.download({ start: 0, end: 60 }).done()
  await third.cut()
})

test('a lease without egress can still be uploaded', async t => {
  const { folder, own, core } = await ownCore(t, blocksOf(5, 1000))
  const shelf = await openShelf(t, join(folder, 'shelf'))
  await shelf.keep({ id: 'a', cores: [await limitOf(core)], egressBytes: 0 })
  const wire = connect(new OpenPack(own, [core.key]), shelf)
  await shelf.attach('a', wire.ends[1])
  await shelf.fetch('a')
  await wire.cut()
})

test('a full disk pauses a fetch and refuses new leases, and the fetch resumes when there is room', async t => {
  const { folder, own, core } = await ownCore(t, blocksOf(10, 1000))
  let free = 100 << 20
  const shelf = await openShelf(t, join(folder, 'shelf'), {
    margin: 10 << 20,
    space: 70 << 20,
    free: () => Promise.resolve(free)
  })
  assert.equal(await shelf.canReserve(60 << 20), true)
  assert.equal(await shelf.canReserve(71 << 20), false, 'more than the space offered')
  free = 40 << 20
  assert.equal(await shelf.canReserve(29 << 20), true)
  assert.equal(await shelf.canReserve(31 << 20), false, 'the margin is not given away')
  await shelf.keep({
    id: 'coming',
    cores: [{ key: noise(32), length: 80, byteLength: 20 << 20 }],
    egressBytes: 0
  })
  assert.equal(await shelf.canReserve(5 << 20), true)
  assert.equal(await shelf.canReserve(15 << 20), false, 'what others have still to fetch is not given away')

  free = 1 << 20
  await shelf.keep({ id: 'a', cores: [await limitOf(core)], egressBytes: 0 })
  const wire = connect(new OpenPack(own, [core.key]), shelf)
  const paused = once(shelf, 'paused')
  const resumed = once(shelf, 'resumed')
  const fetching = shelf.fetch('a')
  assert.deepEqual(await paused, ['a'])
  await shelf.attach('a', wire.ends[1])
  free = 100 << 20
  assert.deepEqual(await resumed, ['a'])
  await fetching
  await wire.cut()
})
