import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RestoreProgress, DriveRestoreResult } from '../../../src/storage/archive/restore.js'
import { checksumOfTree } from '../../../src/files/tree.js'
import type { RestoreTask } from './children/child-restore.js'
import type { ShelfTask } from './children/child-shelf.js'
import { noise, packAt, shelved } from '../../parts/storage/packed-drive.js'
import { makeTree } from '../../samples/tree.js'
import { throttled, valve } from './throttle.js'
import type { Child } from '../../world/child.js'
import { Children } from '../../world/children.js'
import { atEnd, listen } from '../../parts/storage/wire.js'

const SHELF = new URL('./children/child-shelf.js', import.meta.url)
const RESTORE = new URL('./children/child-restore.js', import.meta.url)

/** Runs a child until a message satisfies `enough`, then kills it with SIGKILL. */
async function killWhen<M>(child: Child, enough: (message: M) => boolean): Promise<void> {
  await child.next(enough)
  await child.kill('SIGKILL')
}

/** The last message of a child that ends by itself. */
async function finish<M extends object>(child: Child): Promise<M> {
  const last = await child.next<M>(message => 'done' in message)
  assert.equal((await child.ended).code, 0)
  return last
}

test('a provider killed at several points of an upload resumes where it was', async t => {
  const children = await Children.open({ after: end => atEnd(t, end) })
  const folder = children.dir
  await makeTree(join(folder, 'tree'), { big: noise(24 << 20), small: 'x' })
  const { packed, result } = await packAt(t, join(folder, 'tree'), join(folder, 'own'))
  const quick = await listen(packed)
  atEnd(t, () => quick.close())
  const task: ShelfTask = {
    folder: join(folder, 'shelf'),
    port: quick.port,
    cores: result.cores.map(core => ({ ...core, key: core.key.toString('hex') }))
  }
  const all = result.cores.reduce((sum, core) => sum + core.length, 0)
  for (const share of [0.1, 0.35, 0.6]) {
    // Shut before the kill, which may come late: the upload must not be over then.
    const { stream, shut } = valve()
    const slow = await listen(packed, () => [throttled(8e6), stream])
    atEnd(t, () => slow.close())
    let last = 0
    await killWhen<{ blocks: number }>(
      children.fork(SHELF, { options: { ...task, port: slow.port } }),
      ({ blocks }) => {
        last = blocks
        if (blocks <= share * all) return false
        shut()
        return true
      }
    )
    assert.ok(last < all)
  }
  const { done } = await finish<{ done: string[] }>(children.fork(SHELF, { options: task }))
  assert.deepEqual(
    done,
    result.seals.map(seal => seal.treeHash.toString('hex'))
  )
})

test('a reader killed at several points of a restore resumes where it was', async t => {
  const children = await Children.open({ after: end => atEnd(t, end) })
  const folder = children.dir
  const tree = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`small/${i}`, `file ${i}`]))
  await makeTree(join(folder, 'tree'), { ...tree, big: noise(20 << 20), 'other big': noise(10 << 20) })
  const packedDrive = await packAt(t, join(folder, 'tree'), join(folder, 'own'))
  const shelf = await shelved(t, packedDrive, join(folder, 'shelf'))
  const slow = await listen(shelf, () => [throttled(20e6)])
  const quick = await listen(shelf)
  atEnd(t, () => Promise.all([slow.close(), quick.close()]))
  const task: RestoreTask = {
    link: packedDrive.result.link,
    dest: join(folder, 'dest'),
    store: join(folder, 'store'),
    ports: [slow.port]
  }
  for (const share of [0.05, 0.3, 0.6]) {
    await killWhen<{ progress: RestoreProgress }>(
      children.fork(RESTORE, { options: task }),
      ({ progress: { step, bytes } }) => step === 'write' && bytes > share * packedDrive.result.bytes
    )
  }
  const before = shelf.egress('lease').usedBytes
  const { done } = await finish<{ done: DriveRestoreResult }>(
    children.fork(RESTORE, { options: { ...task, ports: [quick.port] } })
  )
  assert.equal(done.sha256, packedDrive.result.sha256)
  assert.equal((await checksumOfTree(task.dest)).sha256, packedDrive.result.sha256)
  const rest = shelf.egress('lease').usedBytes - before
  assert.ok(rest < 0.5 * packedDrive.result.bytes, `${rest} bytes in the last run`)
})
