import assert from 'node:assert/strict'
import { cp, mkdir, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { BushelError } from '../../../contracts/errors/error.js'
import { tableMaker } from '../../../src/store/definition.js'
import { uint } from '../../../src/store/key.js'
import type { Migration } from '../../../src/store/migrations.js'
import { Store } from '../../../src/store/store.js'
import type { StoreOptions } from '../../../src/store/store.js'
import { folder } from '../../parts/folder.js'
import { buffer, openLmdb } from '../../parts/store/backends.js'
import { history, json, reply, sample, tasks } from '../../parts/store/sample.js'

const table = tableMaker('test/')

/** A home with two tasks and an entry of the history. */
async function filled(home: string): Promise<void> {
  const store = new Store(home, sample)
  await store.ready()
  await store.write(transaction => {
    for (const id of [1, 2]) transaction.put(tasks, id, { state: 'open', due: id, tags: ['a'] })
    transaction.append(history, reply('one'))
  })
  await store.close()
}

const refusal = async (home: string, options: Partial<StoreOptions> = {}): Promise<BushelError> => {
  const store = new Store(home, { ...sample, ...options })
  const error: unknown = await store.ready().then(
    () => assert.fail('it opened'),
    (error: unknown) => error
  )
  assert.ok(error instanceof BushelError, String(error))
  assert.ok(!error.message.includes('\n') && error.hint.length > 0)
  return error
}

/** A later version: tasks are kept under another name, are found by their state, and know when they were made. */
const jobs = table('jobs', uint, json, {
  indexes: index => ({ state: index(uint, task => task.state.length) }),
  rows: 10,
  forget: 'never'
})
const rename: Migration = {
  name: 'tasks are jobs',
  run(rows) {
    for (const { key, value } of rows.list('tasks')) {
      rows.put('jobs', key, value)
      rows.delete('tasks', key)
    }
  }
}
const close: Migration = {
  name: 'open jobs are closed',
  run(rows) {
    for (const { key, value } of rows.list('jobs')) {
      rows.put('jobs', key, buffer(value.toString().replace('open', 'closed')))
    }
    rows.delete('jobs', uint.write(2))
  }
}
const later: StoreOptions = { tables: [jobs], chains: [history], migrations: [rename, close] }

test('a migration copies first, changes rows, and makes indexes and counts anew', async t => {
  const home = await folder(t)
  await filled(home)
  const store = new Store(home, later)
  await store.ready()
  assert.deepEqual(
    [...store.check()].filter(line => !line.includes('count.tasks')),
    []
  )
  const found = [...store.table(jobs).by('state', { lte: 'closed'.length })]
  assert.deepEqual(found, [{ key: 1, value: { state: 'closed', due: 1, tags: ['a'] } }])
  assert.equal(store.table(jobs).count, 1)
  assert.equal(store.chain(history).get(0)!.value.reply!.toString(), 'one')
  await store.close()

  const again = new Store(home, later)
  await again.ready()
  assert.equal(again.table(jobs).get(1)!.state, 'closed', 'it was brought up to date once')
  await again.close()

  await rm(join(home, 'store'), { recursive: true })
  await cp(join(home, 'store.before-1'), join(home, 'store'), { recursive: true })
  const before = new Store(home, sample)
  await before.ready()
  assert.equal(before.table(tasks).count, 2, 'the copy is a store of the earlier version')
  assert.deepEqual([...before.check()], [])
  await before.close()
})

test('a migration that fails changes nothing, and its copy is replaced by the next one', async t => {
  const home = await folder(t)
  await filled(home)
  const broken: Migration = {
    name: 'broken',
    run(rows) {
      rename.run(rows)
      throw new Error('broken')
    }
  }
  await assert.rejects(new Store(home, { ...later, migrations: [broken, close] }).ready(), /broken/)
  await mkdir(join(home, 'store.before-1.new'))
  const before = new Store(home, sample)
  await before.ready()
  assert.equal(before.table(tasks).count, 2)
  await before.write(transaction => transaction.delete(tasks, 1))
  await before.close()
  const store = new Store(home, later)
  await store.ready()
  assert.equal(store.table(jobs).count, 0)
  await store.close()
  const copy = await openLmdb(join(home, 'store.before-1'))
  assert.equal([...copy.range({ gte: buffer('ttasks'), lt: buffer('ttasl') })].length, 1)
  await copy.close()
  assert.deepEqual((await readdir(home)).sort(), ['store', 'store.before-1'])
})

test('a store of a later version is refused', async t => {
  const home = await folder(t)
  await filled(home)
  const store = new Store(home, later)
  await store.ready()
  await store.close()
  for (const readOnly of [false, true]) {
    const error = await refusal(home, { readOnly })
    assert.equal(error.code, 'STORE_TOO_NEW')
    assert.match(error.message, /format 3, this version knows 1.*nothing was changed/)
  }
})

test('a reader refuses a store of an earlier version, and does not change it', async t => {
  const home = await folder(t)
  await filled(home)
  const error = await refusal(home, { ...later, readOnly: true })
  assert.equal(error.code, 'OLD_FORMAT')
  assert.match(error.hint, /start the node once/)
  assert.deepEqual(await readdir(home), ['store'])
})

test('a home of 0.1 is refused with what is kept and what to do, and nothing is made in it', async t => {
  const home = await folder(t)
  await mkdir(join(home, 'journal'))
  await writeFile(join(home, 'journal', 'facts'), 'old')
  for (const readOnly of [false, true]) {
    const error = await refusal(home, { readOnly })
    assert.equal(error.code, 'OLD_FORMAT')
    assert.match(
      `${error.message} ${error.hint}`,
      /0\.1.*nothing was changed.*wallet are still there.*bushel init/
    )
  }
  assert.deepEqual(await readdir(home), ['journal'])
})

test('a reader of a home whose node has never run finds nothing, and makes nothing', async t => {
  const home = await folder(t)
  const store = new Store(home, { ...sample, readOnly: true })
  await store.ready()
  assert.deepEqual([...store.table(tasks).list()], [])
  assert.equal(store.table(tasks).count, 0)
  assert.equal(store.chain(history).length, 0)
  await assert.rejects(
    store.write(transaction => transaction.append(history, reply('x'))),
    /opened for reading/
  )
  await store.close()
  assert.deepEqual(await readdir(home), [])
})

test('a file without its beginning or its end, or with another beginning, is refused and not changed', async t => {
  const home = await folder(t)
  await filled(home)
  const file = join(home, 'store', 'data.mdb')
  const whole = await readFile(file)
  const cuts = [0, 1, 100, 4095, 4096, 8192, whole.byteLength >> 1, whole.byteLength - 1]
  for (const cut of cuts) {
    await writeFile(file, whole)
    await truncate(file, cut)
    for (const readOnly of [false, true])
      assert.equal((await refusal(home, { readOnly })).code, 'BAD_STORE', `cut at ${cut}`)
    assert.deepEqual(await readFile(file), whole.subarray(0, cut))
  }
  for (const at of [18, 24, 28, 48, 4096 + 24, 4096 + 49]) {
    const spoiled = Buffer.from(whole)
    spoiled[at]! ^= 0xff
    await writeFile(file, spoiled)
    assert.equal((await refusal(home)).code, 'BAD_STORE', `byte ${at}`)
  }
  await rm(file)
  assert.match((await refusal(home)).message, /store is damaged: the file data\.mdb is missing/)
  await mkdir(file)
  for (const readOnly of [false, true])
    assert.equal((await refusal(home, { readOnly })).code, 'BAD_STORE', 'a folder in its place')
  await rm(file, { recursive: true })
  await writeFile(file, whole)
  const store = new Store(home, sample)
  await store.ready()
  assert.equal(store.table(tasks).count, 2)
  await store.close()
})

test('a file whose last pages were never written, because no row is in them, is whole', async t => {
  const home = await folder(t)
  await filled(home)
  const file = join(home, 'store', 'data.mdb')
  // As LMDB leaves it when a transaction took pages at the end and gave them back.
  const bytes = await readFile(file)
  for (const meta of [0, 4096]) bytes.writeBigUInt64LE(bytes.readBigUInt64LE(meta + 144) + 3n, meta + 144)
  await writeFile(file, bytes)
  for (const readOnly of [true, false]) {
    const store = new Store(home, { ...sample, readOnly })
    await store.ready()
    assert.equal(store.table(tasks).count, 2)
    if (!readOnly) await store.write(transaction => transaction.append(history, reply('more')))
    assert.deepEqual([...store.check()], [])
    await store.close()
  }
})

test('rows without a format version are refused', async t => {
  const home = await folder(t)
  const backend = await openLmdb(join(home, 'store'))
  await backend.commit([{ key: buffer('x'), value: buffer('y') }])
  await backend.close()
  const error = await refusal(home)
  assert.equal(error.code, 'BAD_STORE')
  assert.match(error.message, /no format version/)
})

test('what a kill left of a store that was being made is made again', async t => {
  const home = await folder(t)
  await mkdir(join(home, 'store.new'))
  await writeFile(join(home, 'store.new', 'data.mdb'), 'half')
  await filled(home)
  assert.deepEqual(await readdir(home), ['store'])
})
