import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { targetInside } from '../../../src/files/link-target.js'
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

test('an entry that cannot be packed gives one clear line that names it', async t => {
  const root = await scratch(t)
  await assert.rejects(readTree(join(root, 'missing')), {
    code: 'BAD_PATH',
    exit: 2,
    message: /missing' does not exist/
  })
  const server = createServer().listen(join(root, 'socket'))
  await once(server, 'listening')
  atEnd(t, () => server.close())
  await assert.rejects(readTree(root), { code: 'BAD_PATH', exit: 2, message: /socket' is neither/ })
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
