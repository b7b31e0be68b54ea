import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import z32 from 'z32'
import { sealOf } from '../../../src/storage/lease/audit.js'
import { BOUNDS } from '../../../src/base/bounds/bounds.js'
import { ShelvedCores } from '../../../src/storage/shelf/shelved-cores.js'
import { OpenPack } from '../../../src/storage/archive/packed.js'
import { blocksOf, limitOf, oneCore, openOwn, owned } from './own-cores.js'
import { noise, openShelf, packAt, shelved } from '../../parts/storage/packed-drive.js'
import { makeTree } from '../../samples/tree.js'
import { connect, scratch } from '../../parts/storage/wire.js'

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

test('the cores that are unused for longest are closed when too many are open', async t => {
  const cores = new ShelvedCores(await scratch(t), () => undefined)
  t.after(() => cores.close())
  const { all } = BOUNDS.openCores
  const keys = Array.from({ length: all + 8 }, (_, i) => Buffer.alloc(32, i + 1))
  const first = cores.of(keys[0]!)
  await first.use(async () => {
    for (const key of keys.slice(1)) await cores.of(key).use(() => Promise.resolve())
    assert.equal(cores.openCount, all)
    assert.ok(first.isOpen, 'it is in use')
    assert.deepEqual(
      keys.slice(1, 10).map(key => cores.of(key).isOpen),
      [...Array<boolean>(8).fill(false), true]
    )
  })
  await cores.of(keys[1]!).use(async core => assert.equal(core.length, 0))
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
  const { folder, core, packed } = await oneCore(t, blocksOf(40, 5000))
  const shelf = await openShelf(t, join(folder, 'shelf'))
  const wire = connect(packed, shelf)
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
  const { folder, core } = await oneCore(t, blocksOf(4, 1000))
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
  const { folder, core, packed } = await oneCore(t, blocksOf(60, 10_000))
  const limit = await limitOf(core)
  const first = await openShelf(t, join(folder, 'shelf'))
  await first.keep({ id: 'a', cores: [limit], egressBytes: 250_000 })
  const up = connect(packed, first)
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
  const { folder, core, packed } = await oneCore(t, blocksOf(5, 1000))
  const shelf = await openShelf(t, join(folder, 'shelf'))
  await shelf.keep({ id: 'a', cores: [await limitOf(core)], egressBytes: 0 })
  const wire = connect(packed, shelf)
  await shelf.attach('a', wire.ends[1])
  await shelf.fetch('a')
  await wire.cut()
})

test('a full disk pauses a fetch and refuses new leases, and the fetch resumes when there is room', async t => {
  const { folder, core, packed } = await oneCore(t, blocksOf(10, 1000))
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
  const wire = connect(packed, shelf)
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
