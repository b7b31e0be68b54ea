import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BushelError } from '../../../contracts/errors/error.js'
import { Journal } from '../../../src/store/journal.js'
import { folder } from '../../parts/folder.js'
import { Children } from '../../world/children.js'

const text = (...entries: string[]): Buffer[] => entries.map(entry => Buffer.from(entry))

async function written(file: string, ...entries: Buffer[]): Promise<void> {
  const journal = new Journal(file)
  await journal.ready()
  for (const entry of entries) await journal.append(entry)
  await journal.close()
}

/** The entries of a journal that is opened as by the node. */
async function opened(file: string): Promise<string[]> {
  const entries: string[] = []
  const journal = new Journal(file, entry => entries.push(entry.toString()))
  await journal.ready()
  await journal.close()
  return entries
}

async function read(file: string): Promise<string[]> {
  const entries: string[] = []
  await Journal.read(file, entry => entries.push(entry.toString()))
  return entries
}

const damaged = (error: unknown): boolean =>
  error instanceof BushelError && error.code === 'BAD_JOURNAL' && error.exit === 2

test('appended entries are there after reopening, in order', async t => {
  const file = join(await folder(t), 'journal')
  assert.deepEqual(await read(file), [])
  await written(file, ...text('one', '', 'three'))
  assert.deepEqual(await opened(file), ['one', '', 'three'])
  await written(file, ...text('four'))
  assert.deepEqual(await read(file), ['one', '', 'three', 'four'])
  assert.equal((await stat(file)).mode & 0o777, 0o600)
})

test('many sequential appends are all kept', { timeout: 10_000 }, async t => {
  const file = join(await folder(t), 'journal')
  const journal = new Journal(file)
  await journal.ready()
  for (let i = 0; i < 20; i++) await journal.append(Buffer.from(`${i}`))
  await journal.close()
  assert.equal((await read(file)).length, 20)
})

test('concurrent appends share a sync and keep their order', async t => {
  const file = join(await folder(t), 'journal')
  const journal = new Journal(file)
  await journal.ready()
  const expected = Array.from({ length: 1000 }, (_, i) => `entry ${i}`)
  await Promise.all(expected.map(entry => journal.append(Buffer.from(entry))))
  assert.equal(journal.stats.syncs, 1)
  assert.equal(journal.stats.bytes, (await stat(file)).size)
  await journal.close()
  assert.deepEqual(await read(file), expected)
})

test('an append is on disk when it resolves', async t => {
  const file = join(await folder(t), 'journal')
  const journal = new Journal(file)
  await journal.ready()
  for (const entry of ['one', 'two']) {
    await journal.append(Buffer.from(entry))
    assert.equal((await read(file)).at(-1), entry)
  }
  await journal.close()
})

test('a torn end is cut off at any byte, and the entries before it and later ones are kept', async t => {
  const file = join(await folder(t), 'journal')
  await written(file, ...text('first', 'second'))
  const before = (await readFile(file)).byteLength
  const journal = new Journal(file)
  await journal.ready()
  await journal.append(...text('third', 'fourth, of the same append'))
  await journal.close()
  const whole = await readFile(file)
  for (let cut = before; cut < whole.byteLength; cut++) {
    await writeFile(file, whole.subarray(0, cut))
    assert.deepEqual(await read(file), ['first', 'second'], `cut at ${cut}`)
    assert.deepEqual(await opened(file), ['first', 'second'], `cut at ${cut}`)
    assert.equal((await stat(file)).size, before)
    await written(file, ...text('after'))
    assert.deepEqual(await read(file), ['first', 'second', 'after'])
  }
})

test('zeros that a power cut leaves at the end are cut off', async t => {
  const file = join(await folder(t), 'journal')
  await written(file, ...text('first', 'second'))
  const whole = await readFile(file)
  for (const zeros of [1, 8, 12, 16, 4096]) {
    await writeFile(file, Buffer.concat([whole, Buffer.alloc(zeros)]))
    assert.deepEqual(await opened(file), ['first', 'second'], `${zeros} zeros`)
    assert.equal((await stat(file)).size, whole.byteLength)
  }
})

test('damage before the last append is reported wherever it is, and nothing is changed', async t => {
  const file = join(await folder(t), 'journal')
  await written(file, ...text('first', 'second, which is longer', 'third'))
  const before = (await readFile(file)).byteLength
  await written(file, ...text('last'))
  const whole = await readFile(file)
  for (let place = 0; place < before; place++) {
    for (const flip of [0x01, 0x80]) {
      const bad = Buffer.from(whole)
      bad[place]! ^= flip
      await writeFile(file, bad)
      await assert.rejects(read(file), damaged, `byte ${place}`)
      if (flip === 1) await assert.rejects(opened(file), damaged, `byte ${place}`)
      assert.deepEqual(await readFile(file), bad)
    }
  }
})

test('a process killed while writing loses no append that was reported to be on disk', async t => {
  const file = join(await folder(t), 'journal')
  const children = await Children.open(t)
  let last = -1
  for (const enough of [40, 120, 300]) {
    const child = children.script(fileURLToPath(new URL('./writer.js', import.meta.url)), { args: [file] })
    for await (const line of child.printed<number>()) {
      last = line
      if (last >= enough) child.kill('SIGKILL')
    }
    const entries = await opened(file)
    assert.ok(entries.length > last, `${entries.length} entries, acknowledged to ${last}`)
    for (const [i, entry] of entries.entries()) assert.equal(entry, `entry ${i} ${'x'.repeat(i % 900)}`)
  }
})

test('a closed journal refuses appends', async t => {
  const file = join(await folder(t), 'journal')
  const journal = new Journal(file)
  await journal.ready()
  const last = journal.append(Buffer.from('last'))
  await journal.close()
  await last
  await assert.rejects(journal.append(Buffer.from('late')), { code: 'CLOSED' })
  assert.deepEqual(await read(file), ['last'])
})
