import assert from 'node:assert/strict'
import { closeSync, openSync, writeSync } from 'node:fs'
import { appendFile, mkdir, open, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Corestore from 'corestore'
import Hyperdrive from 'hyperdrive'
import { parseLink } from '../../../contracts/keys/link.js'
import { occupiedBytes } from '../../../src/files/disk.js'
import { readFiles } from '../../../src/storage/archive/read-files.js'
import { discardPack, pack } from '../../../src/storage/archive/pack.js'
import { readTree } from '../../../src/files/tree.js'
import type { TreeFile } from '../../../src/files/tree.js'
import { openStore } from '../../../src/network/cores.js'
import { noise, packAt, sumByHand } from '../../parts/storage/packed-drive.js'
import { makeTree } from '../../samples/tree.js'
import { atEnd, connect, scratch } from '../../parts/storage/wire.js'

test('any Hyperdrive tool opens a packed drive with the keys of its link', async t => {
  const folder = await scratch(t)
  const big = noise(700_001)
  const files = { 'big.bin': big, empty: '', 'deep/er/naïve 🌾.txt': 'wheat', run: 'echo' }
  await makeTree(join(folder, 'tree'), {
    'big.bin': big,
    empty: '',
    'deep/er/naïve 🌾.txt': 'wheat',
    run: { executable: 'echo' },
    shortcut: { link: 'deep/er' },
    away: { link: '/etc' }
  })
  await mkdir(join(folder, 'tree', 'hollow'))
  const { packed, result } = await packAt(t, join(folder, 'tree'), join(folder, 'own'))
  assert.equal(result.sha256, sumByHand(files))
  assert.equal(result.files, 4)
  assert.equal(result.bytes, 700_001 + 5 + 4)
  assert.deepEqual(result.notes, [
    'left out 1 symbolic link(s) that leave the tree: away',
    'left out 1 empty folder(s): hollow'
  ])

  const store = new Corestore(join(folder, 'other tool'))
  const { key, encryptionKey } = parseLink(result.link)
  const drive = new Hyperdrive(store, key, { encryptionKey })
  await drive.ready()
  const wire = connect(packed, {
    async serve(_, stream) {
      store.replicate(stream)
      return true
    }
  })
  store.replicate(wire.ends[1])
  await drive.core.update({ wait: true })
  for (const [path, content] of Object.entries(files)) {
    assert.deepEqual(await drive.get(`/${path}`), Buffer.from(content), path)
  }
  assert.equal((await drive.entry('/run'))!.value.executable, true)
  assert.equal((await drive.entry('/big.bin'))!.value.executable, false)
  assert.equal((await drive.entry('/shortcut'))!.value.linkname, 'deep/er')
  const names: string[] = []
  for await (const entry of drive.list('/')) names.push(entry.key)
  assert.equal(names.length, 5)
  await wire.cut()
  await drive.close()
})

test('the size of cores is as seen with their public keys alone', async t => {
  const folder = await scratch(t)
  await makeTree(join(folder, 'tree'), { a: noise(300_000), b: 'small' })
  const { packed, result } = await packAt(t, join(folder, 'tree'), join(folder, 'own'))
  const blind = new Corestore(join(folder, 'blind'))
  const wire = connect(packed, null)
  for (const [i, { key, length, byteLength }] of result.cores.entries()) {
    const core = blind.get({ key })
    await core.ready()
    core.replicate(wire.ends[1])
    await core.get(length - 1)
    assert.equal(core.length, length)
    assert.equal(core.byteLength, byteLength)
    assert.deepEqual(await core.treeHash(), result.seals[i]!.treeHash)
  }
  const [, blobs] = result.cores
  assert.equal(blobs!.length, 3)
  assert.equal(blobs!.byteLength, 300_005 + 3 * 8)
  assert.equal(
    result.storedBytes,
    result.cores.reduce((sum, core) => sum + core.byteLength, 0)
  )
  assert.deepEqual(await packed.seals(), result.seals)
  await wire.cut()
  await blind.close()
})

/** Reads a tree with a file of 20 MiB that is written each time that some of it was read, the first `times`. */
async function readWritten(
  t: TestContext,
  times: number,
  write: (path: string) => Promise<void>
): Promise<string[]> {
  const root = join(await scratch(t), 'tree')
  await makeTree(root, { a: 'before', big: noise(20 << 20), c: 'after' })
  const files = (await readTree(root)).entries as TreeFile[]
  const steps: string[] = []
  let reads = 0
  for await (const portion of readFiles(files)) {
    const { path } = portion.file
    const isFirst = path === 'big' && portion.step === 'blocks' && steps.at(-1) !== 'big: blocks'
    steps.push(`${path}: ${portion.step === 'blocks' && portion.end ? 'whole' : portion.step}`)
    if (isFirst && reads++ < times) await write(join(root, 'big'))
  }
  return steps
}

/** Writes in place, without a change of the length. */
async function overwrite(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  await handle.write(noise(100), 0, 100, 0)
  await handle.close()
}

test('a file that is written in place while it is read is read again from its beginning', async t => {
  const blocks = Array<string>(4).fill('big: blocks')
  const steps = await readWritten(t, 1, overwrite)
  assert.deepEqual(steps, ['a: whole', ...blocks, 'big: again', ...blocks, 'big: whole', 'c: whole'])
})

test('a file that is written each time that it is read is left out, and the others are not', async t => {
  const writes: Record<string, (path: string) => Promise<void>> = {
    overwritten: overwrite,
    appended: path => appendFile(path, 'x'),
    truncated: path => truncate(path, 5 << 20),
    'replaced by a link': path => rm(path).then(() => symlink('a', path))
  }
  for (const [how, write] of Object.entries(writes)) {
    const steps = await readWritten(t, 9, write)
    assert.equal(steps.at(-2), 'big: left out', how)
    assert.equal(steps.at(-1), 'c: whole', how)
    assert.ok(!steps.includes('big: whole'), how)
  }
})

test('a small file that changed its size since it was listed is packed as it is', async t => {
  const root = await scratch(t)
  for (const [before, after] of [
    [1000, 0],
    [1000, 1001],
    [1000, 600_000],
    [600_000, 1000]
  ] as const) {
    await makeTree(root, { file: noise(before) })
    const [file] = (await readTree(join(root, 'file'))).entries as TreeFile[]
    const content = noise(after)
    await writeFile(join(root, 'file'), content)
    const blocks: Buffer[] = []
    for await (const portion of readFiles([file!]))
      if (portion.step === 'blocks') blocks.push(...portion.blocks)
    assert.ok(Buffer.concat(blocks).equals(content), `${before} ${after}`)
  }
})

test('a single file that never stands still is refused, and nothing is packed', async t => {
  const folder = await scratch(t)
  const path = join(folder, 'file')
  await makeTree(folder, { file: noise(20 << 20) })
  const store = openStore(join(folder, 'own'))
  atEnd(t, () => store.close())
  const file = openSync(path, 'r+')
  atEnd(t, async () => closeSync(file))
  const onProgress = (): void => void writeSync(file, noise(50), 0, 50, 0)
  const packing = pack({ path, store, name: 'file', onProgress })
  await assert.rejects(packing, { code: 'FILE_CHANGED', exit: 2, message: /file' changed each time/ })
})

test('a folder of which everything is left out is refused, and an empty one is packed', async t => {
  const folder = await scratch(t)
  await makeTree(join(folder, 'tree'), { away: { link: '/etc' } })
  await mkdir(join(folder, 'tree', 'hollow'))
  const store = openStore(join(folder, 'own'))
  atEnd(t, () => store.close())
  const packing = pack({ path: join(folder, 'tree'), store, name: 'links' })
  await assert.rejects(packing, {
    code: 'BAD_PATH',
    message: /can be packed: left out 1 symbolic link.*: away$/
  })
  const { notes } = await pack({ path: join(folder, 'tree', 'hollow'), store, name: 'hollow' })
  assert.deepEqual(notes, [])
})

test('discarding a half-made drive frees its disk', async t => {
  const folder = await scratch(t)
  const store = openStore(join(folder, 'own'))
  atEnd(t, () => store.close())
  await makeTree(folder, { kept: noise(100_000), big: noise(80 << 20) })
  const kept = await pack({ path: join(folder, 'kept'), store, name: 'kept' })
  const before = await occupiedBytes(join(folder, 'own'))
  const stop = new AbortController()
  const packing = pack({
    path: join(folder, 'big'),
    store,
    name: 'half',
    signal: stop.signal,
    onProgress: ({ bytes }) => bytes > 70 << 20 && stop.abort(new Error('enough'))
  })
  await assert.rejects(packing, { message: 'enough' })
  const half = await occupiedBytes(join(folder, 'own'))
  assert.ok(half - before > 40 << 20, `${half - before} bytes were written`)
  await discardPack(store, 'half')
  const after = await occupiedBytes(join(folder, 'own'))
  // the log and the preallocated files stay as long as the store is open
  assert.ok(after < before + (20 << 20), `${before} before, ${half} with the half, ${after} after`)
  const again = await pack({ path: join(folder, 'kept'), store, name: 'again' })
  assert.equal(again.sha256, kept.sha256)
  await assert.rejects(pack({ path: join(folder, 'kept'), store, name: 'kept' }), { code: 'PACK_EXISTS' })
})
