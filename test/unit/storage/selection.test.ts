import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openStore } from '../../../src/network/cores.js'
import { pack } from '../../../src/storage/archive/pack.js'
import { survey } from '../../../src/storage/archive/survey.js'
import { readTree } from '../../../src/files/tree.js'
import type { Tree } from '../../../src/files/tree.js'
import { Home } from '../../../src/identity/home.js'
import { isHomeFolder } from '../../../src/identity/home-folder.js'
import { makeTree } from '../../samples/tree.js'
import type { Leaf } from '../../samples/tree.js'
import { atEnd, scratch } from '../../parts/storage/wire.js'

async function chosen(root: string, exclude: string[] = []): Promise<{ paths: string[]; leftOut: string[] }> {
  const { entries, leftOut }: Tree = await readTree(root, { choice: { exclude, isSecret: isHomeFolder } })
  return { paths: entries.map(({ path }) => path), leftOut: leftOut.map(({ path }) => path).sort() }
}

async function treeOf(t: TestContext, leaves: Record<string, Leaf>): Promise<string> {
  const root = join(await scratch(t), 'tree')
  await makeTree(root, leaves)
  return root
}

test('patterns leave out files and whole folders, which are named', async t => {
  const root = await treeOf(t, { 'a.tmp': '', 'a.TMP': '', 'd/b.tmp': '', 'd/c': '', 'd/out/x': '', out: '' })
  assert.deepEqual(await chosen(root, ['*.tmp', 'out/']), {
    paths: ['a.TMP', 'd/c', 'out'],
    leftOut: ['a.tmp', 'd/b.tmp', 'd/out']
  })
  assert.deepEqual((await chosen(root, ['*', '!/out'])).paths, ['out'])
})

test('an ignore file speaks for its folder and those below, the nearest first, and patterns of the caller before it', async t => {
  const root = await treeOf(t, {
    '.bushelignore': '# what is made anew\r\n*.o\n/top\n',
    'a.o': '',
    top: '',
    'd/top': '',
    'd/.bushelignore': '!keep.o\nlog',
    'd/keep.o': '',
    'd/e/keep.o': '',
    'd/e/log': '',
    log: ''
  })
  const kept = ['.bushelignore', 'd/.bushelignore', 'd/e/keep.o', 'd/keep.o', 'd/top', 'log']
  assert.deepEqual((await chosen(root)).paths, kept)
  assert.deepEqual(
    (await chosen(root, ['keep.o'])).paths,
    kept.filter(path => !path.endsWith('keep.o'))
  )
})

test('a pattern that excludes nothing is refused', async t => {
  const root = await treeOf(t, { a: '' })
  for (const pattern of ['', ' ', '#a', 'a\\'])
    await assert.rejects(chosen(root, [pattern]), { code: 'BAD_PATH', message: /excludes nothing/ })
})

test('a home, and what lies in one, is never packed; a file that is only named like its key is', async t => {
  const root = await treeOf(t, { mine: 'x', 'other/device.key': 'a key of something else', 'other/x': '' })
  await Home.create(join(root, 'deep/home'))
  const { paths, leftOut } = await chosen(root)
  assert.deepEqual([paths, leftOut], [['mine', 'other/device.key', 'other/x'], ['deep/home']])
  for (const inside of ['deep/home', 'deep/home/device.key']) {
    await assert.rejects(survey(join(root, inside)), {
      code: 'BAD_PATH',
      message: /lies in a home of Bushel/
    })
  }
})

test('a socket beside files, and a name that is not UTF-8, are left out and named, and the rest is packed', async t => {
  const root = await treeOf(t, { file: 'x', 'd/file': 'y' })
  const server = createServer().listen(join(root, 'socket'))
  await once(server, 'listening')
  atEnd(t, () => server.close())
  await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.of(0xff)]), '')
  await mkdir(join(root, 'home'))
  await writeFile(join(root, 'home', 'device.key'), `${'0'.repeat(64)}\n`)
  const store = openStore(join(root, '..', 'own'))
  atEnd(t, () => store.close())
  const { files, notes } = await pack({ path: root, store, name: 'goods', exclude: ['d'] })
  assert.equal(files, 1)
  assert.deepEqual(notes.map(note => note.replace(/\ufffd/, '?')).sort(), [
    'left out 1 excluded file(s) and folder(s): d',
    'left out 1 home(s) of Bushel, which hold keys: home',
    'left out 1 name(s) that are not UTF-8: ?',
    'left out 1 socket(s), pipe(s) and device(s): socket'
  ])
  assert.deepEqual((await survey(root, ['d'])).notes.sort(), notes.sort())
})
