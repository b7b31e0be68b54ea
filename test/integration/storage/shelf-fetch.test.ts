import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { sealOf } from '../../../src/storage/lease/audit.js'
import { OpenPack } from '../../../src/storage/archive/packed.js'
import type { ShelfProgress } from '../../../src/storage/shelf/fetching.js'
import { blocksOf, limitOf, openOwn, owned } from './own-cores.js'
import { noise, openShelf } from '../../parts/storage/packed-drive.js'
import { throttled } from './throttle.js'
import { connect, scratch } from '../../parts/storage/wire.js'

test('a fetch resumes where it stopped and requests nothing twice', async t => {
  const folder = await scratch(t)
  const own = await openOwn(t, join(folder, 'own'))
  const core = await owned(own, 'core', blocksOf(300, 40_000))
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
  const folder = await scratch(t)
  const own = await openOwn(t, join(folder, 'own'))
  const core = await owned(own, 'core', blocksOf(50, 1000))
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
