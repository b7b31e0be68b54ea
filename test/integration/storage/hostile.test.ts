import assert from 'node:assert/strict'
import { lstat, readFile, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Node, YoloIndex } from 'hyperbee/lib/messages.js'
import Hyperdrive from 'hyperdrive'
import type { DriveEntry } from 'hyperdrive'
import { encodeNote } from '../../../src/storage/archive/format.js'
import { OpenPack } from '../../../src/storage/archive/packed.js'
import { DriveRestore } from '../../../src/storage/archive/restore.js'
import type { DriveRestoreResult } from '../../../src/storage/archive/restore.js'
// A node reads markets too, whose trees are guarded with words of their own.
import '../../../src/book/view/database.js'
import { readTree } from '../../../src/files/tree.js'
import { openStore } from '../../../src/network/cores.js'
import { noise } from '../../parts/storage/packed-drive.js'
import { makeTree } from '../../samples/tree.js'
import { atEnd, connect, scratch } from '../../parts/storage/wire.js'

const file: DriveEntry = {
  executable: false,
  linkname: null,
  blob: { blockOffset: 0, blockLength: 1, byteOffset: 0, byteLength: 5 },
  metadata: null
}
const link = (target: string): DriveEntry => ({ ...file, blob: null, linkname: target })
const blob = (change: object): DriveEntry => ({ ...file, blob: { ...file.blob!, ...change } })

interface DriveOptions {
  /** The only block of the blobs. */
  data?: Buffer
  folder?: string
  maxSize?: number
  /** Appended to the list of files as it is. */
  block?: Buffer
}

/** Makes a drive with exactly these keys in its Hyperbee and restores it to `folder/dest`. */
async function restoreDrive(
  t: TestContext,
  entries: [string | Buffer, unknown][],
  root: 'file' | 'folder' | null = 'folder',
  { data = Buffer.from('wheat'), folder, maxSize, block }: DriveOptions = {}
): Promise<{ dest: string; result: DriveRestoreResult }> {
  folder ??= await scratch(t)
  const own = openStore(join(folder, 'own'))
  const encryptionKey = noise(32)
  const drive = new Hyperdrive(own.namespace('drive'), { encryptionKey })
  await drive.ready()
  const blobs = (await drive.getBlobs())!.core
  await blobs.append([data])
  const userData = root ? encodeNote({ bushel: 1, root, blockBytes: 262_144 }) : undefined
  drive.db.metadata = userData ? { contentFeed: null, userData } : { contentFeed: null }
  const batch = drive.db.batch()
  for (const [name, value] of entries) {
    const key = Buffer.concat([Buffer.from('files\0'), Buffer.from(name as string)])
    await batch.put(key, value as DriveEntry, { keyEncoding: 'binary', valueEncoding: 'json' })
  }
  await batch.flush()
  if (block) await drive.core.append(block)
  const packed = new OpenPack(own, [drive.key, blobs.key])
  await packed.ready()
  const store = openStore(join(folder, 'store'))
  const dest = join(folder, 'place', 'dest')
  await makeTree(join(folder, 'place'), { neighbour: 'mine' })
  const restore = new DriveRestore({
    ...(maxSize === undefined ? {} : { maxSize }),
    ...{ link: { key: drive.key, encryptionKey }, dest, store, findTimeout: 500 }
  })
  const wire = connect(packed, restore)
  restore.attach(wire.ends[1])
  atEnd(t, async () => {
    await wire.cut()
    await restore.close()
    await store.close()
    await packed.close()
    await drive.close()
    await own.close()
  })
  return { dest, result: await restore.run() }
}

const hostile: Record<string, [string | Buffer, unknown][]> = {
  'a path that goes up': [['/../escaped', file]],
  'a path that goes up further in': [['/a/b/../../../escaped', file]],
  'a path that is not absolute in the drive': [['escaped', file]],
  'an absolute path inside the drive': [['//etc/escaped', file]],
  'a path with a dot': [['/./a', file]],
  'a path that ends in a slash': [['/a/', file]],
  'an empty path': [['/', file]],
  'a NUL in a name': [['/a\0b', file]],
  'a name that is not UTF-8': [[Buffer.from([0x2f, 0xff, 0xfe]), file]],
  'an overlong name': [['/' + 'x'.repeat(256), file]],
  'an overlong path': [['/' + 'x'.repeat(200) + '/x'.repeat(2000), file]],
  'an absolute link': [['/link', link('/etc/passwd')]],
  'a link that goes up': [['/a/link', link('../../outside')]],
  'a link that goes up through another link': [
    ['/a/b/root', link('../..')],
    ['/sly', link('a/b/root/../outside')]
  ],
  'links in a cycle': [
    ['/a', link('b')],
    ['/b', link('a')]
  ],
  'a link with a NUL': [['/a', link('b\0c')]],
  'a file inside a linked folder': [
    ['/a', link('b')],
    ['/a/file', file],
    ['/b/file', file]
  ],
  'a path that is file and folder': [
    ['/a', file],
    ['/a/file', file]
  ],
  'an entry that is not an object': [['/a', 'text']],
  'a negative size': [['/a', blob({ byteLength: -1 })]],
  'a fractional block': [['/a', blob({ blockOffset: 0.5 })]],
  'bytes without blocks': [['/a', blob({ blockLength: 0 })]],
  'a size that differs from its blocks': [['/a', blob({ byteLength: 6 })]],
  'a file of which no provider has all blocks': [['/a', blob({ blockOffset: 1000 })]],
  'a file that is larger than the disk': [
    ['/a', { ...file, blob: { ...file.blob, blockLength: 2 ** 32, byteLength: 2 ** 50 } }]
  ],
  'a file with a block map': [['/a', { ...file, blob: { ...file.blob, blockMap: true } }]],
  'a checksum that differs from its bytes': [['/a', { ...file, metadata: { sha256: '0'.repeat(64) } }]]
}

for (const [name, entries] of Object.entries(hostile)) {
  test(`of a drive with ${name} the rest is restored, and nothing is written elsewhere`, async t => {
    const more = [
      ...entries,
      ['/good/file', file] as [string, unknown],
      ['/good/link', link('file')] as [string, unknown]
    ]
    const { dest, result } = await restoreDrive(t, more)
    assert.equal(await readFile(join(dest, 'good/file'), 'utf8'), 'wheat')
    assert.equal(await readlink(join(dest, 'good/link')), 'file')
    assert.ok(result.leftOut.length > 0)
    const tree = await readTree(dest)
    assert.deepEqual(tree.leftOut, [], 'no link leaves it')
    const bad = result.leftOut.filter(({ why }) => why !== 'path(s) that are file and folder')
    const there = tree.entries.map(({ path }) => path)
    assert.deepEqual(
      bad.filter(({ path }) => there.includes(path)),
      []
    )
    assert.deepEqual((await readdir(join(dest, '..'))).sort(), ['dest', 'neighbour'])
  })
}

test('a drive of which nothing can be restored is refused, and nothing is written', async t => {
  for (const name of [
    'an absolute link',
    'an empty path',
    'a negative size',
    'a size that differs from its blocks'
  ])
    await assert.rejects(restoreDrive(t, hostile[name]!), { code: 'UNSAFE_DRIVE', exit: 1 }, name)
  const huge = blob({ byteLength: 2 ** 50, blockLength: 2 ** 32 })
  await assert.rejects(restoreDrive(t, [['/a', huge]]), { code: 'UNSAFE_DRIVE', exit: 1 })
})

test('files far larger than their data are refused before anything is written, unless they are allowed', async t => {
  const data = noise(262_144)
  const shared = blob({ byteLength: data.byteLength })
  const bomb = Array.from({ length: 300 }, (_, i): [string, unknown] => [`/f${i}`, shared])
  // a file whose data nobody has makes the rest look no smaller
  const empty = blob({ blockOffset: 1, blockLength: 4096, byteLength: 4096 * data.byteLength })
  for (const entries of [bomb, [...bomb, ['/empty', empty] as [string, unknown]]]) {
    const folder = await scratch(t)
    await assert.rejects(restoreDrive(t, entries, 'folder', { data, folder }), {
      code: 'DRIVE_TOO_LARGE',
      exit: 2,
      message: 'this link would write 75 MiB of files from 256 KiB of data; nothing was written'
    })
    assert.deepEqual(await readdir(join(folder, 'place')), ['neighbour'])
  }
  const folder = await scratch(t)
  const maxSize = 300 * data.byteLength
  await assert.rejects(restoreDrive(t, bomb, 'folder', { data, folder, maxSize: maxSize - 1 }), {
    code: 'DRIVE_TOO_LARGE'
  })
  assert.deepEqual(await readdir(join(folder, 'place')), ['neighbour'])
  const { result } = await restoreDrive(t, bomb, 'folder', { data, maxSize })
  assert.deepEqual([result.files, result.bytes], [300, maxSize])
})

test('a list of files with a malformed tree is refused, and nothing is written', async t => {
  const trees: Record<string, number[][]> = {
    'a node below itself': [[3], [3, 0, 3, 0]],
    'a child that its block does not have': [[3], [2, 77, 2, 78]]
  }
  for (const [name, [keys, children]] of Object.entries(trees)) {
    const index = YoloIndex.encode({ levels: [{ keys: keys!, children: children! }] })
    const value = Buffer.from(JSON.stringify(file))
    const block = Node.encode({ key: Buffer.from('files\0/c'), value, index })
    const folder = await scratch(t)
    const restored = restoreDrive(t, [...Object.entries({ '/a': file, '/b': file })], 'folder', {
      folder,
      block
    })
    await assert.rejects(restored, { code: 'UNSAFE_DRIVE', message: /its list of files is malformed/ }, name)
    assert.deepEqual(await readdir(join(folder, 'place')), ['neighbour'])
  }
})

test('with a limit a longer list of files is not even fetched', async t => {
  const folder = await scratch(t)
  const names = Array.from({ length: 6000 }, (_, i): [string, unknown] => [
    `/${i}-${'x'.repeat(200)}/${'y'.repeat(240)}`,
    { ...file, metadata: { note: 'z'.repeat(3000) } }
  ])
  await assert.rejects(restoreDrive(t, names, 'folder', { folder, maxSize: 1 }), {
    code: 'DRIVE_TOO_LARGE',
    message: /^the list of files of this link has [\d.]+ MiB, more than the allowed 1 B; nothing was written$/
  })
  assert.deepEqual(await readdir(join(folder, 'place')), ['neighbour'])
})

test('a drive that claims to be one file and is a tree is restored as a tree', async t => {
  const two: [string, unknown][] = [
    ['/a', file],
    ['/b/c', file]
  ]
  const { dest } = await restoreDrive(t, two, 'file')
  assert.deepEqual((await readdir(dest, { recursive: true })).sort(), ['a', 'b', 'b/c'])
})

test('modes of a stranger are permission bits and nothing more', async t => {
  const { dest } = await restoreDrive(t, [
    ['/a', { ...file, metadata: { mode: 0o106755 } }],
    ['/b', { ...file, executable: true, metadata: { mode: -1 } }],
    ['/c', { ...file, metadata: { mode: 0.5 } }]
  ])
  const modes = await Promise.all(
    ['a', 'b', 'c'].map(async name => (await lstat(join(dest, name))).mode & 0o7777)
  )
  assert.deepEqual(modes, [0o755, 0o777 & ~process.umask(), 0o666 & ~process.umask()])
})

test('a drive of another tool is restored as a folder', async t => {
  const { dest } = await restoreDrive(
    t,
    [
      ['/a.txt', file],
      ['/b/c.txt', file],
      ['/note', { ...file, blob: null }]
    ],
    null
  )
  assert.deepEqual((await readdir(dest, { recursive: true })).sort(), ['a.txt', 'b', 'b/c.txt'])
  assert.deepEqual((await readdir(join(dest, '..'))).sort(), ['dest', 'neighbour'])
})

test('names that differ only in case are two files where the disk tells them apart', async t => {
  const { dest } = await restoreDrive(t, [
    ['/A', file],
    ['/a', file]
  ])
  assert.deepEqual((await readdir(dest)).sort(), ['A', 'a'])
})
