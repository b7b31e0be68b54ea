import assert from 'node:assert/strict'
import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import {
  chmod,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  symlink,
  truncate,
  writeFile
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { pack } from '../../../src/storage/archive/pack.js'
import type { PackResult } from '../../../src/storage/archive/pack.js'
import { OpenPack } from '../../../src/storage/archive/packed.js'
import { DriveRestore } from '../../../src/storage/archive/restore.js'
import type { RestoreOptions, DriveRestoreResult } from '../../../src/storage/archive/restore.js'
import { checksumOfTree } from '../../../src/files/tree.js'
import { openStore } from '../../../src/network/cores.js'
import { noise, packAt, shelved, sumByHand } from '../../parts/storage/packed-drive.js'
import { makeTree } from '../../samples/tree.js'
import type { Leaf } from '../../samples/tree.js'
import { throttled } from './throttle.js'
import { ManualClock, turn } from '../../doubles/manual-clock.js'
import { atEnd, connect, scratch } from '../../parts/storage/wire.js'
import type { Server } from '../../parts/storage/wire.js'

/** Restores from these servers, with a store in `folder`. */
async function restoreFrom(
  t: TestContext,
  servers: Server[],
  folder: string,
  options: Omit<RestoreOptions, 'store'>,
  link?: Parameters<typeof connect>[2]
): Promise<DriveRestoreResult> {
  const store = openStore(folder)
  await store.ready()
  let restore: DriveRestore
  try {
    restore = new DriveRestore({ ...options, store })
  } catch (error) {
    await store.close()
    throw error
  }
  const wires = servers.map(server => connect(server, restore, link))
  for (const wire of wires) restore.attach(wire.ends[1])
  try {
    return await restore.run()
  } finally {
    for (const wire of wires) await wire.cut()
    await restore.close()
    await store.close()
  }
}

const trees: Record<string, Record<string, Leaf> | Leaf> = {
  'an empty folder': {},
  'an empty file': '',
  'one byte': 'x',
  'a file of one block less a byte': noise(262_143),
  'a file of one block': noise(262_144),
  'a file of one block and a byte': noise(262_145),
  'a file of 64 MiB': noise(64 << 20),
  'a small program': { executable: '#!/bin/sh' },
  'a tree of all kinds': {
    'empty.txt': '',
    'deep/er/and/deeper/file': noise(600_000),
    'naïve 🌾 .txt': 'wheat',
    '-rf *': 'a name that a shell would take amiss',
    'back\\slash': 'legal on this system',
    run: { executable: '#!/bin/sh' },
    'deep/run-big': { executable: 'x'.repeat(300_000) },
    'deep/link': { link: '../run' },
    'folder-link': { link: 'deep/er' },
    dangling: { link: 'not/here' }
  },
  'two thousand small files': Object.fromEntries(
    Array.from({ length: 2000 }, (_, i) => [`d${i % 40}/f${i}`, `file ${i} `.repeat(i % 50)])
  )
}

for (const [name, tree] of Object.entries(trees)) {
  test(`${name} is restored byte for byte`, async t => {
    const folder = await scratch(t)
    const source = join(folder, 'source')
    const single = typeof tree === 'string' || Buffer.isBuffer(tree) || 'executable' in tree
    await makeTree(folder, single ? { source: tree as Leaf } : {})
    if (!single) await makeTree(source, tree as Record<string, Leaf>)
    const packedDrive = await packAt(t, source, join(folder, 'own'))
    const shelf = await shelved(t, packedDrive, join(folder, 'shelf'))
    const dest = join(folder, 'new', 'dest')
    const restored = await restoreFrom(t, [shelf], join(folder, 'store'), {
      link: packedDrive.result.link,
      dest
    })
    assert.equal(restored.path, dest)
    assert.equal(restored.sha256, packedDrive.result.sha256)
    assert.equal(restored.files, packedDrive.result.files)
    assert.equal(restored.bytes, packedDrive.result.bytes)
    const before = await checksumOfTree(source)
    assert.deepEqual(await checksumOfTree(dest, { name: 'source' }), before)
    assert.deepEqual(await readdir(dirname(dest)), ['dest'])
    const planted = single ? { '': tree as Leaf } : (tree as Record<string, Leaf>)
    for (const [path, content] of Object.entries(planted)) {
      const at = join(dest, path)
      if (typeof content === 'object' && 'link' in content) assert.equal(await readlink(at), content.link)
      else {
        const executable = typeof content === 'object' && 'executable' in content
        assert.equal(((await lstat(at)).mode & 0o100) !== 0, executable, path)
      }
    }
  })
}

test('a link that nobody serves is not found in the given time', async t => {
  const folder = await scratch(t)
  await makeTree(folder, { file: 'x' })
  const { result } = await packAt(t, join(folder, 'file'), join(folder, 'own'))
  const options = { link: result.link, dest: join(folder, 'dest'), findTimeout: 200 }
  await assert.rejects(restoreFrom(t, [], join(folder, 'store'), options), {
    code: 'LINK_NOT_FOUND',
    exit: 3
  })
  const other = await packAt(t, join(folder, 'file'), join(folder, 'other'))
  const shelf = await shelved(t, other, join(folder, 'shelf'))
  await assert.rejects(restoreFrom(t, [shelf], join(folder, 'store'), options), { code: 'LINK_NOT_FOUND' })
  await assert.rejects(lstat(join(folder, 'dest')), { code: 'ENOENT' })
  await assert.rejects(restoreFrom(t, [], join(folder, 'store'), { ...options, link: 'bushel://nonsense' }), {
    code: 'BAD_LINK',
    exit: 2
  })
})

test('a link with a wrong encryption key fails and writes nothing', async t => {
  const folder = await scratch(t)
  await makeTree(folder, { file: 'x' })
  const { packed, result } = await packAt(t, join(folder, 'file'), join(folder, 'own'))
  const options = { link: { key: result.key, encryptionKey: noise(32) }, dest: join(folder, 'dest') }
  await assert.rejects(restoreFrom(t, [packed], join(folder, 'store'), options), {
    code: 'BAD_LINK',
    exit: 2
  })
  await assert.rejects(lstat(join(folder, 'dest')), { code: 'ENOENT' })
})

test('two providers at once share a restore between them, and little is sent twice', async t => {
  const folder = await scratch(t)
  const bytes = 30 << 20
  await makeTree(folder, { file: noise(bytes) })
  const packedDrive = await packAt(t, join(folder, 'file'), join(folder, 'own'))
  const shelves = [
    await shelved(t, packedDrive, join(folder, 'shelf1')),
    await shelved(t, packedDrive, join(folder, 'shelf2'))
  ]
  const restored = await restoreFrom(
    t,
    shelves,
    join(folder, 'store'),
    {
      link: packedDrive.result.link,
      dest: join(folder, 'dest')
    },
    () => [throttled(5e6)]
  )
  assert.equal(restored.sha256, packedDrive.result.sha256)
  const used = shelves.map(shelf => shelf.egress('lease').usedBytes)
  assert.ok(Math.min(...used) > bytes / 4, `both served: ${used.join(', ')} bytes`)
  // near the end each provider is asked for blocks that the other has not sent yet
  assert.ok(used[0]! + used[1]! < 1.4 * bytes, `little was sent twice: ${used.join(', ')} bytes`)
})

test('a restore resumes after a sleep of this machine with the providers that are there then', async t => {
  const folder = await scratch(t)
  await makeTree(folder, { file: noise(8 << 20) })
  const packedDrive = await packAt(t, join(folder, 'file'), join(folder, 'own'))
  const shelf = await shelved(t, packedDrive, join(folder, 'shelf'))
  const clock = new ManualClock()
  const store = openStore(join(folder, 'store'))
  let cut = (): void => undefined
  const isCut = new Promise<void>(resolve => (cut = resolve))
  const restore = new DriveRestore({
    link: packedDrive.result.link,
    dest: join(folder, 'dest'),
    store,
    clock,
    stallTimeout: 60_000,
    onProgress: ({ step, bytes }) => {
      if (step === 'write' && bytes > 1 << 20) void first.cut().then(cut)
    }
  })
  const first = connect(shelf, restore, () => [throttled(10e6)])
  restore.attach(first.ends[1])
  const running = restore.run()
  await isCut
  const look = async (): Promise<void> => {
    while (clock.timers === 0) await turn()
    await clock.advance(1000)
  }
  for (let i = 0; i < 5; i++) await look()
  await clock.sleep(3_600_000)
  for (let i = 0; i < 5; i++) await look()
  restore.attach(connect(shelf, restore).ends[1])
  assert.equal((await running).sha256, packedDrive.result.sha256)
  await restore.close()
  await store.close()
})

test('another provider makes up for one that vanishes, and without any a restore stalls and can be resumed', async t => {
  const folder = await scratch(t)
  await makeTree(folder, { file: noise(32 << 20) })
  const packedDrive = await packAt(t, join(folder, 'file'), join(folder, 'own'))
  const shelf = await shelved(t, packedDrive, join(folder, 'shelf'))
  const options = { link: packedDrive.result.link, dest: join(folder, 'dest') }

  const store = openStore(join(folder, 'store'))
  const restore = new DriveRestore({
    ...options,
    store,
    stallTimeout: 500,
    onProgress: ({ step, bytes }) => {
      if (step === 'write' && bytes > 4 << 20) for (const wire of wires.splice(0)) void wire.cut()
    }
  })
  const slow = () => [throttled(10e6)]
  const wires = [connect(shelf, restore, slow), connect(packedDrive.packed, restore, slow)]
  for (const wire of [...wires]) restore.attach(wire.ends[1])
  await assert.rejects(restore.run(), { code: 'STALLED', exit: 1 })
  await store.close()
  const before = shelf.egress('lease').usedBytes

  let first = 0
  const restored = await restoreFrom(t, [shelf], join(folder, 'store'), {
    ...options,
    onProgress: ({ step, bytes }) => {
      if (step === 'write') first ||= bytes
    }
  })
  assert.equal(restored.sha256, packedDrive.result.sha256)
  assert.ok(first >= 4 << 20, `${first} bytes stood already`)
  const fetched = shelf.egress('lease').usedBytes - before
  assert.ok(fetched < 29 << 20, `${fetched} bytes were fetched again`)
})

test('damaged files in the part folder are detected and fetched again', async t => {
  const folder = await scratch(t)
  const content = noise(3 << 20)
  await makeTree(join(folder, 'tree'), { big: content, small: 'small' })
  const packedDrive = await packAt(t, join(folder, 'tree'), join(folder, 'own'))
  const part = join(folder, 'dest.bushel-part')
  // as after a power loss: right size or too short, wrong bytes; and files that are not of this drive
  await makeTree(part, { big: Buffer.alloc(2 << 20), small: 'smelt', stranger: 'x', 'sub/stranger': 'x' })
  await symlink('/etc', join(part, 'away'))
  const options = { link: packedDrive.result.link, dest: join(folder, 'dest') }
  const restored = await restoreFrom(t, [packedDrive.packed], join(folder, 'store'), options)
  assert.equal(restored.sha256, packedDrive.result.sha256)
  assert.deepEqual((await readdir(join(folder, 'dest'))).sort(), ['big', 'small'])
  assert.ok((await readFile(join(folder, 'dest', 'big'))).equals(content))
})

/** Packs a tree, with a hook on its progress, and restores it. */
async function packedAndRestored(
  t: TestContext,
  folder: string,
  onProgress: () => void = () => undefined
): Promise<{ packed: PackResult; restored: DriveRestoreResult; dest: string }> {
  const store = openStore(join(folder, 'own'))
  const packed = await pack({ path: join(folder, 'tree'), store, name: 'goods', onProgress })
  const open = new OpenPack(
    store,
    packed.cores.map(core => core.key)
  )
  await open.ready()
  atEnd(t, async () => {
    await open.close()
    await store.close()
  })
  const dest = join(folder, 'dest')
  return {
    packed,
    dest,
    restored: await restoreFrom(t, [open], join(folder, 'store'), { link: packed.link, dest })
  }
}

test('a file that is overwritten while it is packed comes back as it was at one moment', async t => {
  const folder = await scratch(t)
  const tree = { a: 'before', big: noise(20 << 20), c: 'after', link: { link: 'big' } }
  await makeTree(join(folder, 'tree'), tree)
  const file = openSync(join(folder, 'tree', 'big'), 'r+')
  atEnd(t, async () => closeSync(file))
  let writes = 0
  const { packed, restored, dest } = await packedAndRestored(t, folder, () => {
    if (writes++ === 0) writeSync(file, noise(100), 0, 100, 19 << 20)
    if (writes === 1) writeSync(file, noise(100), 0, 100, 0)
  })
  assert.deepEqual(packed.notes, [])
  assert.equal(restored.sha256, packed.sha256)
  assert.deepEqual(await checksumOfTree(dest), await checksumOfTree(join(folder, 'tree')))
  const [, blobs] = packed.cores
  assert.equal(blobs!.length, 80 + 2, 'nothing of the first reading is stored')
})

test('a file that never stands still is left out of a drive and named, and the rest is restored', async t => {
  const folder = await scratch(t)
  await makeTree(join(folder, 'tree'), { a: 'before', big: noise(20 << 20), c: 'after', d: noise(700_000) })
  const file = openSync(join(folder, 'tree', 'big'), 'r+')
  atEnd(t, async () => closeSync(file))
  const { packed, restored, dest } = await packedAndRestored(
    t,
    folder,
    () => void writeSync(file, noise(50), 0, 50, 0)
  )
  assert.deepEqual(packed.notes, ['left out 1 file(s) that changed while they were read: big'])
  assert.equal(restored.sha256, packed.sha256)
  assert.deepEqual([packed.files, restored.leftOut], [3, []])
  assert.deepEqual((await readdir(dest)).sort(), ['a', 'c', 'd'])
  assert.equal(packed.cores[1]!.length, 2 + 3, 'nothing of it is stored')
})

test('whatever is packed can be restored: what no file system takes is left out of the drive and named', async t => {
  const folder = await scratch(t)
  const root = join(folder, 'tree')
  const long = Array.from({ length: 14 }, (_, i) => `${i}`.padStart(250, 'x')).join('/')
  await makeTree(root, { [`${long}/file`]: 'too deep', 'd/e/file': 'x', 'd/link': { link: 'e/file' } })
  // a link through a link that is too deep to be restored: without that one it leads out of the tree
  await symlink('.', join(root, long, 'jump'))
  await symlink(`${long}/jump/${'../'.repeat(14)}d`, join(root, 'through'))
  await symlink(Buffer.from([0x78, 0xff]), join(root, 'latin'))
  const { packed, restored, dest } = await packedAndRestored(t, folder)
  assert.deepEqual(packed.notes, [
    `left out 2 path(s) longer than 3500 bytes: ${long.slice(0, 120)}…, ${long.slice(0, 120)}…`,
    'left out 1 symbolic link(s) that leave the tree: through',
    'left out 1 symbolic link(s) whose target is not UTF-8: latin'
  ])
  assert.deepEqual([restored.sha256, restored.leftOut], [packed.sha256, []])
  assert.deepEqual((await readdir(dest, { recursive: true })).sort(), ['d', 'd/e', 'd/e/file', 'd/link'])
})

test('permission bits of files and folders come back, and setuid and setgid do not', async t => {
  const folder = await scratch(t)
  const root = join(folder, 'tree')
  const modes = {
    secret: 0o600,
    shared: 0o664,
    run: 0o4755,
    group: 0o2750,
    fixed: 0o444,
    'd/e/big': 0o640,
    'd/x': 0o400
  }
  for (const path of Object.keys(modes))
    await makeTree(root, { [path]: path === 'd/e/big' ? noise(600_000) : path })
  const folders = { 'd/e': 0o700, d: 0o550, '': 0o750 }
  for (const [path, mode] of Object.entries({ ...modes, ...folders })) await chmod(join(root, path), mode)
  atEnd(t, () => chmod(join(root, 'd'), 0o700))
  const { dest } = await packedAndRestored(t, folder)
  atEnd(t, () => chmod(join(dest, 'd'), 0o700))
  for (const [path, mode] of Object.entries({ ...modes, ...folders }))
    assert.equal((await lstat(join(dest, path))).mode & 0o7777, mode & 0o777, path)
})

test('a restore into a folder that exists gives modes to what it creates and leaves the folder as it is', async t => {
  const folder = await scratch(t)
  await makeTree(join(folder, 'tree'), { 'd/secret': 'x', 'there/a': 'y' })
  await chmod(join(folder, 'tree', 'd/secret'), 0o600)
  for (const path of ['d', 'there', '']) await chmod(join(folder, 'tree', path), 0o700)
  await makeTree(join(folder, 'dest'), { 'there/mine': 'z' })
  for (const path of ['there', '']) await chmod(join(folder, 'dest', path), 0o755)
  const { dest } = await packedAndRestored(t, folder)
  const modes = ['', 'there', 'd', 'd/secret'].map(async path => (await lstat(join(dest, path))).mode & 0o777)
  assert.deepEqual(await Promise.all(modes), [0o755, 0o755, 0o700, 0o600])
  assert.deepEqual((await readdir(dest)).sort(), ['d', 'there'])
})

test('a different file is overwritten only with force, and an equal file is kept', async t => {
  const folder = await scratch(t)
  const tree = { a: 'first', 'sub/b': noise(300_000), run: { executable: 'x' }, link: { link: 'a' } }
  await makeTree(join(folder, 'tree'), tree)
  const packedDrive = await packAt(t, join(folder, 'tree'), join(folder, 'own'))
  const dest = join(folder, 'dest')
  const options = { link: packedDrive.result.link, dest }
  const again = (force = false): Promise<DriveRestoreResult> =>
    restoreFrom(t, [packedDrive.packed], join(folder, 'store'), { ...options, force })

  await makeTree(dest, { a: 'mine!', mine: 'kept' })
  await assert.rejects(again(), { code: 'FILE_EXISTS', exit: 2, message: /dest\/a' already exists/ })
  assert.equal(await readFile(join(dest, 'a'), 'utf8'), 'mine!')
  assert.deepEqual((await readdir(dest)).sort(), ['a', 'mine'])

  assert.equal((await again(true)).sha256, packedDrive.result.sha256)
  assert.equal(await readFile(join(dest, 'a'), 'utf8'), 'first')
  assert.equal(await readFile(join(dest, 'mine'), 'utf8'), 'kept')
  assert.equal(await readlink(join(dest, 'link')), 'a')

  const { ino, mtimeMs } = await lstat(join(dest, 'sub/b'))
  assert.equal((await again()).sha256, packedDrive.result.sha256)
  const stats = await lstat(join(dest, 'sub/b'))
  assert.deepEqual([stats.ino, stats.mtimeMs], [ino, mtimeMs], 'left as it was')
  assert.deepEqual(await readdir(folder), ['dest', 'own', 'store', 'tree'])
})

test('a folder or a link in the place of a file blocks a restore, even with force', async t => {
  const folder = await scratch(t)
  await makeTree(join(folder, 'tree'), { 'sub/file': 'x', top: 'y' })
  const packedDrive = await packAt(t, join(folder, 'tree'), join(folder, 'own'))
  const options = { link: packedDrive.result.link, dest: join(folder, 'dest'), force: true }
  const again = (): Promise<DriveRestoreResult> =>
    restoreFrom(t, [packedDrive.packed], join(folder, 'store'), options)
  await mkdir(join(folder, 'elsewhere'))
  await makeTree(join(folder, 'dest'), { sub: { link: '../elsewhere' } })
  await assert.rejects(again(), { code: 'IN_THE_WAY', exit: 2, message: /sub' is where a folder must go/ })
  assert.deepEqual(await readdir(join(folder, 'elsewhere')), [])
  await makeTree(folder, { 'dest2/top/file': 'x' })
  options.dest = join(folder, 'dest2')
  await assert.rejects(again(), { code: 'IN_THE_WAY', message: /top' is where a file must go/ })

  const single = await packAt(t, join(folder, 'tree', 'top'), join(folder, 'own2'))
  const into = { link: single.result.link, dest: join(folder, 'elsewhere'), force: true }
  await assert.rejects(restoreFrom(t, [single.packed], join(folder, 'store2'), into), { code: 'IN_THE_WAY' })
  // a link at the destination itself is replaced, not followed
  await writeFile(join(folder, 'target'), 'mine')
  await symlink('target', join(folder, 'one'))
  await restoreFrom(t, [single.packed], join(folder, 'store2'), { ...into, dest: join(folder, 'one') })
  assert.equal(await readFile(join(folder, 'target'), 'utf8'), 'mine')
  assert.equal(await readFile(join(folder, 'one'), 'utf8'), 'y')
})

test('a single file replaces another only with force, unless they are equal', async t => {
  const folder = await scratch(t)
  await makeTree(folder, { source: 'new', dest: 'old' })
  const packedDrive = await packAt(t, join(folder, 'source'), join(folder, 'own'))
  const options = { link: packedDrive.result.link, dest: join(folder, 'dest') }
  const again = (force: boolean): Promise<DriveRestoreResult> =>
    restoreFrom(t, [packedDrive.packed], join(folder, 'store'), { ...options, force })
  await assert.rejects(again(false), { code: 'FILE_EXISTS', exit: 2 })
  assert.equal(await readFile(options.dest, 'utf8'), 'old')
  assert.equal((await again(true)).sha256, sumByHand({ source: 'new' }))
  assert.equal(await readFile(options.dest, 'utf8'), 'new')
  assert.equal((await again(false)).bytes, 3)
})

test('a stopped restore ends at once with the reason and keeps what was fetched', async t => {
  const folder = await scratch(t)
  await makeTree(folder, { file: noise(8 << 20) })
  const packedDrive = await packAt(t, join(folder, 'file'), join(folder, 'own'))
  const stop = new AbortController()
  const options = { link: packedDrive.result.link, dest: join(folder, 'dest') }
  const part = join(folder, 'dest.bushel-part', 'file')
  const written = (): number => statSync(part, { throwIfNoEntry: false })?.size ?? 0
  const stopped = restoreFrom(
    t,
    [packedDrive.packed],
    join(folder, 'store'),
    {
      ...options,
      signal: stop.signal,
      onProgress: () => written() >= 2 << 20 && stop.abort(new Error('typed Ctrl-C'))
    },
    () => [throttled(2e6)] // so slow that it is stopped long before its end on a busy machine too
  )
  await assert.rejects(stopped, { message: 'typed Ctrl-C' })
  const kept = await lstat(part)
  assert.ok(kept.size >= 2 << 20)
  await truncate(part, kept.size - 100)
  const restored = await restoreFrom(t, [packedDrive.packed], join(folder, 'store'), options)
  assert.equal(restored.sha256, packedDrive.result.sha256)
})
