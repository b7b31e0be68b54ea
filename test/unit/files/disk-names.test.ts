import assert from 'node:assert/strict'
import { mkdir, readFile, readdir, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Destination } from '../../../src/files/destination.js'
import { DISK, NO_LINKS, NO_NAME } from '../../../src/files/disk-names.js'
import type { DiskCalls } from '../../../src/files/disk-names.js'
import { planTree } from '../../../src/files/tree-plan.js'
import type { PlannedFile, TreePlan } from '../../../src/files/tree-plan.js'
import { folder } from '../../parts/folder.js'

/** A disk that refuses what FAT refuses, with the errors that Linux gives. */
const FAT: DiskCalls = {
  mkdir: path => (path.includes(':') ? Promise.reject(errorOf('EINVAL')) : DISK.mkdir(path)),
  create: path => (path.includes(':') ? Promise.reject(errorOf('EINVAL')) : DISK.create(path)),
  symlink: () => Promise.reject(errorOf('EPERM'))
}

function errorOf(code: string): Error {
  return Object.assign(new Error(code), { code })
}

const file = (path: string): PlannedFile => ({ path, size: 1, executable: false, mode: 0o644, sha256: null })

/** Writes a tree as a restore does, on a disk. */
async function written(dest: string, paths: string[], disk: DiskCalls): Promise<TreePlan> {
  const links = [{ path: 'd/link', target: 'plain' }]
  const plan = await planTree('folder', paths.map(file), links)
  const destination = await Destination.at(dest, plan, false, disk)
  await destination.prepare()
  for (const { path } of plan.files) await writeFile(destination.partOf(path), 'x')
  await destination.install(new Map(), new Map(plan.files.map(one => [one, 'sum'])))
  return plan
}

const PATHS = ['d/plain', 'top', 'a:b', 'odd?', 'x:y/in', 'x:y/z/deep', 'd/12:30.log']

for (const isThere of [false, true])
  test(`what a disk refuses is left out and named, the rest is written ${isThere ? 'into a folder' : 'anew'}`, async t => {
    const dest = join(await folder(t), 'dest')
    if (isThere) await mkdir(dest)
    const { leftOut } = await written(dest, PATHS, FAT)
    assert.deepEqual(
      leftOut.map(({ path, why }) => `${path}: ${why}`).sort(),
      ['a:b', 'd/12:30.log', 'x:y/in', 'x:y/z/deep']
        .map(path => `${path}: ${NO_NAME}`)
        .concat(`d/link: ${NO_LINKS}`)
        .sort()
    )
    assert.deepEqual((await readdir(dest, { recursive: true })).sort(), ['d', 'd/plain', 'odd?', 'top'])
  })

test('a disk that takes everything gets everything', async t => {
  const dest = join(await folder(t), 'dest')
  const { leftOut } = await written(dest, PATHS, DISK)
  assert.deepEqual(leftOut, [])
  for (const path of PATHS) assert.equal(await readFile(join(dest, path), 'utf8'), 'x')
  assert.equal(await readlink(join(dest, 'd/link')), 'plain')
})

test('a single file whose name the disk refuses is written under the name that it is given', async t => {
  const dest = join(await folder(t), 'dest')
  const plan = await planTree('file', [file('12:30.log')])
  const destination = await Destination.at(dest, plan, false, FAT)
  await destination.prepare()
  assert.ok(!destination.partOf('12:30.log').includes(':'))
  await writeFile(destination.partOf('12:30.log'), 'x')
  await destination.install(new Map(), new Map([[plan.files[0]!, 'sum']]))
  assert.deepEqual([plan.leftOut, await readFile(dest, 'utf8')], [[], 'x'])
})
