import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { folder } from '../../parts/folder.js'

const run = promisify(execFile)
const CHILD = fileURLToPath(new URL('./write-out.js', import.meta.url))
const ALL = ['--dev-bind', '/', '/']
const BUBBLEWRAP = 'bwrap'
const hasMounts = spawnSync(BUBBLEWRAP, [...ALL, 'true']).status === 0
const mounts = { skip: hasMounts ? false : 'bubblewrap does not work here' }

/** What comes of trying a destination, or of writing there, among mounts that only the child sees. */
async function child(mounted: string[], ...args: string[]): Promise<string> {
  const command = [process.execPath, CHILD, ...args]
  const [program, ...rest] = mounted.length === 0 ? command : [BUBBLEWRAP, ...ALL, ...mounted, ...command]
  return (await run(program!, rest)).stdout
}

test('a destination that cannot be written is refused before anything is paid, and trying leaves nothing', async t => {
  const dir = await folder(t)
  await writeFile(join(dir, 'file'), 'mine')
  const cases: [string, string][] = [
    [join(dir, 'new'), 'OK'],
    [join(dir, 'new', 'deep', 'er'), 'OK'],
    [dir, 'OK'],
    [join(dir, 'x'.repeat(250)), 'OK'],
    [join(dir, 'é'.repeat(127)), 'OK'],
    [join(dir, 'x'.repeat(256)), 'BAD_DEST'],
    [join(dir, 'file'), 'IN_THE_WAY'],
    [join(dir, 'file', 'in'), 'BAD_DEST'],
    ['/proc/out', 'BAD_DEST']
  ]
  for (const [dest, code] of cases) assert.equal(await child([], 'try', dest), code, dest)
  assert.deepEqual(await readdir(dir), ['file'])
})

test('a destination on a read-only or full disk is refused before anything is paid', mounts, async t => {
  const dir = await folder(t)
  const at = join(dir, 'disk')
  await mkdir(at)
  for (const dest of [at, join(at, 'out'), join(at, 'a', 'b')]) {
    assert.equal(await child(['--ro-bind', at, at], 'try', dest), 'BAD_DEST', dest)
    assert.equal(await child(['--size', '4096', '--tmpfs', at], 'try', dest), 'DISK_FULL', dest)
    assert.equal(await child(['--size', '4000000', '--tmpfs', at], 'try', dest), 'OK', dest)
  }
})

test(
  'an output is written into a mount point, and into a folder whose parent is read-only',
  mounts,
  async t => {
    const dir = await folder(t)
    const at = join(dir, 'parent', 'disk')
    await mkdir(join(at, 'd'), { recursive: true })
    assert.equal(await child(['--bind', at, at], 'write', at, '5'), 'OK')
    assert.equal(await readFile(join(at, 'd', 'b'), 'latin1'), 'd/b'.repeat(2).slice(0, 5))
    assert.deepEqual((await readdir(at)).sort(), ['a', 'd'])
    const parent = join(dir, 'parent')
    const inside = join(parent, 'other')
    await mkdir(inside)
    assert.equal(await child(['--ro-bind', parent, parent, '--bind', inside, inside], 'write', inside), 'OK')
    assert.deepEqual((await readdir(inside)).sort(), ['a', 'd'])
    assert.deepEqual((await readdir(parent)).sort(), ['disk', 'other'])
  }
)

test('an output is written across a mount point inside its destination', mounts, async t => {
  const dir = await folder(t)
  await mkdir(join(dir, 'out', 'd'), { recursive: true })
  const inside = join(dir, 'out', 'd')
  assert.equal(await child(['--bind', inside, inside], 'write', join(dir, 'out'), '3'), 'OK')
  assert.equal(await readFile(join(inside, 'b'), 'latin1'), 'd/b')
  assert.deepEqual(await readdir(inside), ['b'])
  assert.deepEqual((await readdir(join(dir, 'out'))).sort(), ['a', 'd'])
})

test('a disk that gets full while an output is written is told as DISK_FULL', mounts, async t => {
  const dir = await folder(t)
  const full = ['--size', '200000', '--tmpfs', dir]
  assert.equal(await child(full, 'write', join(dir, 'out'), '150000'), 'DISK_FULL')
})
