import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { setTimeout as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Store } from '../../../src/store/store.js'
import { folder } from '../../parts/folder.js'
import { opened, history, sample, tasks } from '../../parts/store/sample.js'
import type { Child } from '../../world/child.js'
import { Children } from '../../world/children.js'

interface Line {
  onDisk?: number
  visible?: number
  code?: string
  message?: string
  later?: string
}

const WRITER = fileURLToPath(new URL('store-writer.js', import.meta.url))

async function start(t: TestContext, home: string, backend: string): Promise<Child> {
  return (await Children.open(t)).script(WRITER, { args: [home, backend] })
}

/** The whole store is in order, and the history has this many entries, of which each is there with its three tasks. */
function demandWhole(store: Store): number {
  assert.deepEqual([...store.check()], [])
  const { length } = store.chain(history)
  for (const { seq, value } of store.chain(history).entries())
    assert.equal(value.reply!.toString(), `entry ${seq}`)
  const last = new Map<number, number>()
  for (let number = 0; number < length; number++)
    for (let id = number * 3; id < number * 3 + 3; id++) last.set(id % 1500, number)
  const rows = [...store.table(tasks).list()].map(({ key, value }) => [key, value.due])
  assert.deepEqual(
    rows,
    [...last].sort(([a], [b]) => a - b)
  )
  return length
}

for (const backend of ['lmdb', 'volatile']) {
  test(`${backend}: a killed process loses no write that was on disk, and leaves each write whole`, async t => {
    const home = await folder(t)
    let onDisk = 0
    for (const enough of [3, 10, 41, 90, 200]) {
      const child = await start(t, home, backend)
      const until = onDisk + enough
      for await (const line of child.printed<Line>()) {
        onDisk = line.onDisk ?? onDisk
        if (onDisk >= until) child.kill('SIGKILL')
      }
      await child.ended
      const store = new Store(home, sample)
      await store.ready()
      const length = demandWhole(store)
      assert.ok(length >= onDisk, `${length} entries, ${onDisk} were on disk`)
      assert.equal(length % 2, 0, 'writes of one turn are on disk together')
      onDisk = length
      await store.close()
    }
  })
}

test('a process that is killed before the flush loses what readers had seen', async t => {
  const home = await folder(t)
  const child = await start(t, home, 'stuck')
  let onDisk = 0
  for await (const line of child.printed<Line>()) {
    onDisk = line.onDisk ?? onDisk
    if (onDisk >= 4 && line.visible! > onDisk) child.kill('SIGKILL') // its last flush never ends
  }
  await child.ended
  const store = await opened(t, home)
  assert.equal(demandWhole(store), onDisk)
})

test('another process reads whole writes while the first goes on writing', async t => {
  const home = await folder(t)
  const child = await start(t, home, 'lmdb')
  const seen = new Set<number>()
  const store = new Store(home, { ...sample, readOnly: true })
  for await (const { onDisk } of child.printed<Line>()) {
    if (!onDisk || onDisk % 10) continue
    await store.ready()
    await nextTurn() // the reads of one turn see one moment
    const entries = [...store.chain(history).entries()]
    assert.ok(entries.length >= onDisk, `${entries.length} entries, ${onDisk} were on disk`)
    assert.equal(entries.length % 2, 0)
    seen.add(entries.length)
    if (seen.size >= 10) child.kill('SIGKILL')
  }
  await child.ended
  assert.equal(seen.size, 10)
  demandWhole(store)
  await store.close()
})

test('a full disk fails the write and all later ones; what was on disk is kept and room lets it go on', async t => {
  const home = await folder(t)
  const limited = `ulimit -f 300; exec "${process.execPath}" "${WRITER}" "${home}" lmdb`
  const { stdout } = await promisify(execFile)('bash', ['-c', limited], { maxBuffer: 1 << 26 })
  const lines = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Line)
  const onDisk = Math.max(...lines.map(line => line.onDisk ?? 0))
  const { code, message, later } = lines.at(-1)!
  assert.deepEqual([code, later], ['STORE_FAILED', 'STORE_FAILED'])
  assert.ok(
    message!.startsWith(`${join(home, 'store')} cannot be written: `) && !message!.includes('\n'),
    message
  )
  assert.ok(onDisk > 10)
  const store = await opened(t, home)
  assert.equal(demandWhole(store), onDisk)
  await store.write(transaction => transaction.delete(tasks, 0))
  assert.deepEqual([...store.check()], [])
})

test('a store that cannot be made for want of room is refused in one line, and no store is left', async t => {
  const home = await folder(t)
  const limited = `ulimit -f 40; exec "${process.execPath}" "${WRITER}" "${home}" lmdb`
  const { stdout } = await promisify(execFile)('bash', ['-c', limited])
  const { code, message } = JSON.parse(stdout) as Line
  assert.equal(code, 'STORE_FAILED')
  assert.match(message!, /store cannot be written: EFBIG/)
  assert.ok(!(await readdir(home)).includes('store'))
  const store = await opened(t, home)
  assert.equal(store.table(tasks).count, 0)
})
