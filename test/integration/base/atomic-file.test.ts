import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { removeUnfinished, replaceDurably, replaceDurablySync } from '../../../src/base/disk/atomic-file.js'

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bushel-atomic-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** The pid of a process that has ended. */
function goneProcess(): number {
  return spawnSync(process.execPath, ['--version']).pid
}

const writers: [string, (file: string, content: string) => Promise<void> | void][] = [
  ['a write', replaceDurably],
  ['a write that gives nobody a turn', replaceDurablySync]
]

for (const [name, write] of writers) {
  test(`${name} replaces the file, readable by its owner only, and leaves no temporary file`, async t => {
    const folder = await scratch(t)
    const file = join(folder, 'file')
    await write(file, 'a longer content than the next')
    await write(file, 'new')
    assert.equal(await readFile(file, 'utf8'), 'new')
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(folder), ['file'])
  })

  test(`${name} keeps the old file and leaves no temporary file when the write fails`, async t => {
    const folder = await scratch(t)
    const file = join(folder, 'file')
    await mkdir(join(file, 'in the way'), { recursive: true })
    await assert.rejects(async () => write(file, 'new'))
    assert.deepEqual(await readdir(folder), ['file'])
    assert.deepEqual(await readdir(file), ['in the way'])
  })
}

test('concurrent writes of one file run one after the other, each whole', async t => {
  const folder = await scratch(t)
  const file = join(folder, 'file')
  const contents = Array.from({ length: 20 }, (_, i) => String(i).repeat(1 + i * 5000))
  await Promise.all(contents.map(content => replaceDurably(file, content)))
  assert.equal(await readFile(file, 'utf8'), contents.at(-1))
  assert.deepEqual(await readdir(folder), ['file'])
})

test('the cleanup removes temporary files of dead processes and keeps those of running ones', async t => {
  const folder = await scratch(t)
  const alive = `other.${process.ppid}.new`
  for (const name of [
    `file.${goneProcess()}.new`,
    `file.${process.pid}.new`,
    alive,
    'file',
    'file.new',
    'a.12.newer'
  ])
    await writeFile(join(folder, name), 'half')
  await removeUnfinished(folder)
  assert.deepEqual((await readdir(folder)).sort(), ['a.12.newer', 'file', 'file.new', alive].sort())
  await removeUnfinished(join(folder, 'none'))
})

test('the cleanup keeps temporary files that this process is still writing', async t => {
  const folder = await scratch(t)
  const file = join(folder, 'file')
  const writing = replaceDurably(file, Buffer.alloc(64 << 20))
  while ((await readdir(folder)).length === 0) await new Promise(resolve => setImmediate(resolve))
  await removeUnfinished(folder)
  await writing
  assert.equal((await stat(file)).size, 64 << 20)
})
