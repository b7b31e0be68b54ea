import assert from 'node:assert/strict'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { targetInside } from '../../../src/files/link-target.js'
import { foldersOf, withinBounds } from '../../../src/files/tree-bounds.js'
import { checksumOfTree, readTree } from '../../../src/files/tree.js'
import { sumByHand } from '../../parts/storage/packed-drive.js'
import { makeTree } from '../../samples/tree.js'
import { atEnd, scratch } from '../../parts/storage/wire.js'

test('the checksum covers lines of path, size and sum, sorted by the UTF-8 bytes of the path', async t => {
  const root = join(await scratch(t), 'tree')
  const files = {
    'b/one': 'first',
    b: '',
    'a.txt': 'hello',
    'a/z': Buffer.alloc(3_000_000, 7),
    é: 'accent',
    '\u{1f33e}': 'astral',
    '\uff5e': 'full width'
  }
  const { b: _, ...planted } = files
  await makeTree(root, { ...planted, link: { link: 'a.txt' } })
  const sum = await checksumOfTree(root)
  assert.equal(sum.sha256, sumByHand(planted))
  assert.equal(sum.files, 6)
  assert.equal(sum.bytes, 5 + 5 + 3_000_000 + 6 + 6 + 10)
  // by UTF-8 the full-width sign comes before the astral one, by UTF-16 after it
  const { entries } = await readTree(root)
  assert.deepEqual(
    entries.map(entry => entry.path),
    ['a.txt', 'a/z', 'b/one', 'link', 'é', '\uff5e', '\u{1f33e}']
  )
})

test('a single file is a tree of one entry, named by its base name or a given name', async t => {
  const root = await scratch(t)
  await makeTree(root, { 'film.mkv': 'frames', copy: 'frames' })
  const expected = sumByHand({ 'film.mkv': 'frames' })
  assert.equal((await checksumOfTree(join(root, 'film.mkv'))).sha256, expected)
  assert.notEqual((await checksumOfTree(join(root, 'copy'))).sha256, expected)
  assert.equal((await checksumOfTree(join(root, 'copy'), { name: 'film.mkv' })).sha256, expected)
})

test('links that leave the tree are left out however they are written, and so are empty folders', async t => {
  const root = join(await scratch(t), 'tree')
  await makeTree(root, {
    'd/e/file': 'x',
    good: { link: 'd/e/file' },
    'd/up': { link: '../good' },
    dangling: { link: 'nowhere/at/all' },
    absolute: { link: '/etc/passwd' },
    outside: { link: '../other' },
    'd/e/far': { link: '../../../other' },
    // a link to the root, and one that climbs out through it: each part of its path looks harmless
    'd/e/root': { link: '../..' },
    sly: { link: 'd/e/root/../secret' },
    round: { link: 'and-round' },
    'and-round': { link: 'round' }
  })
  await mkdir(join(root, 'empty'))
  const tree = await readTree(root)
  const links = tree.entries.filter(entry => entry.kind === 'link').map(entry => entry.path)
  assert.deepEqual(links, ['d/e/root', 'd/up', 'dangling', 'good'])
  const of = (why: string): string[] => tree.leftOut.filter(one => one.why === why).map(({ path }) => path)
  const leaving = ['absolute', 'and-round', 'd/e/far', 'outside', 'round', 'sly']
  assert.deepEqual(of('symbolic link(s) that leave the tree').sort(), leaving)
  assert.deepEqual(of('empty folder(s)'), ['empty'])
})

test('a symbolic link is resolved as a file system resolves it', () => {
  const links = new Map([
    ['a/up', '..'],
    ['b', 'a/up/a'],
    ['c', 'b/../../x'],
    ['e', './/a//./x']
  ])
  assert.equal(targetInside('a/up', links), '')
  assert.equal(targetInside('b', links), 'a')
  assert.equal(targetInside('c', links), null)
  assert.equal(targetInside('e', links), 'a/x')
})

test('a symbolic link longer than file systems take leads nowhere, and is not walked', () => {
  const links = new Map<string, string>()
  let lookups = 0
  const counted = { get: (path: string) => (lookups++, links.get(path)) } as ReadonlyMap<string, string>
  for (const target of ['a/'.repeat(50_000), 'a/'.repeat(300_000), 'x'.repeat(4096)]) {
    links.set('long', target)
    assert.equal(targetInside('long', counted), null)
  }
  assert.equal(lookups, 3)
  for (let i = 0; i < 40; i++) links.set(`loop${i}`, `${'./'.repeat(2000)}loop${i + 1}`)
  assert.equal(targetInside('loop0', counted), null)
  assert.ok(lookups < 100, `${lookups} lookups`)
})

test('a tree with far more folders than entries is refused', async () => {
  const deep = (i: number, depth: number): string => `${i}/${'d/'.repeat(depth - 1)}file`
  const of = (count: number, depth: number) =>
    Array.from({ length: count }, (_, i) => ({ path: deep(i, depth) }))
  await assert.rejects(withinBounds(of(70, 250)), {
    code: 'TOO_LARGE',
    exit: 2,
    message: /more than 16524 folders/
  })
  assert.equal((await withinBounds(of(60, 250))).kept.length, 60)
  const { kept, leftOut } = await withinBounds(of(4000, 1700))
  assert.deepEqual([kept.length, leftOut.length], [0, 4000])
  assert.equal(leftOut[0]!.why, 'path(s) in more than 256 folders')
})

test('the folders of many files are looked at once', async () => {
  const folder = 'd/'.repeat(250)
  const paths = Array.from({ length: 200_000 }, (_, i) => `${folder}${i}`)
  const folders = [...(await foldersOf(paths))]
  assert.equal(folders.length, 250)
  assert.deepEqual(folders.slice(0, 2), ['d', 'd/d'])
})

test('an entry that cannot be packed gives one clear line that names it', async t => {
  const root = await scratch(t)
  await assert.rejects(readTree(join(root, 'missing')), {
    code: 'BAD_PATH',
    exit: 2,
    message: /missing' does not exist/
  })
  await assert.rejects(readTree('/dev/null'), { code: 'BAD_PATH', exit: 2 })
})

test(
  'a folder without read permission is named',
  { skip: process.getuid?.() === 0 && 'root reads all' },
  async t => {
    const root = await scratch(t)
    await makeTree(root, { 'locked/file': 'x' })
    await chmod(join(root, 'locked'), 0)
    atEnd(t, () => chmod(join(root, 'locked'), 0o700))
    await assert.rejects(readTree(root), {
      code: 'BAD_PATH',
      exit: 2,
      message: /locked' cannot be read: permission/
    })
  }
)
