import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { tableMaker } from '../../../src/store/definition.js'
import { uint } from '../../../src/store/key.js'
import { Store } from '../../../src/store/store.js'
import { folder } from '../../parts/folder.js'
import { BACKENDS } from '../../parts/store/backends.js'
import { history, json, opened, replies, reply, sample, tasks } from '../../parts/store/sample.js'
import type { Task } from '../../parts/store/sample.js'

const table = tableMaker('test/')

const task = fc.record(
  {
    state: fc.constantFrom('open', 'done', 'openly'),
    due: fc.option(fc.nat(20)),
    tags: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 })
  },
  { noNullPrototype: true }
)
const id = fc.nat(12)
const write = fc.array(
  fc.oneof(fc.tuple(id, task), fc.tuple(id, fc.constant(null))) as fc.Arbitrary<[number, Task | null]>,
  { maxLength: 6 }
)

for (const [name, backend] of Object.entries(BACKENDS)) {
  test(`${name}: after any writes a table and its indexes give what filtering its rows gives`, async t => {
    const home = await folder(t)
    const store = await opened(t, home, { backend })
    const table = store.table(tasks)
    const model = new Map<number, Task>()
    const ordered = (by: (task: Task, id: number) => string | null): number[] =>
      [...model]
        .flatMap(([id, task]) => {
          const place = by(task, id)
          return place === null ? [] : [{ place: `${place} ${String(id).padStart(4, '0')}`, id }]
        })
        .sort((a, b) => (a.place < b.place ? -1 : 1))
        .map(({ id }) => id)
    const keys = (rows: Iterable<{ key: number }>): number[] => [...rows].map(({ key }) => key)
    const pad = (due: number): string => String(due).padStart(4, '0')
    await fc.assert(
      fc.asyncProperty(write, fc.nat(20), fc.boolean(), async (changes, until, fails) => {
        const written = store.write(transaction => {
          for (const [id, value] of changes) {
            if (value) transaction.put(tasks, id, value)
            else transaction.delete(tasks, id)
          }
          if (fails) throw new Error('given up')
        })
        if (fails) await assert.rejects(written, /given up/)
        else for (const [id, value] of changes) void (value ? model.set(id, value) : model.delete(id))
        assert.deepEqual(
          [...table.list()].map(({ key, value }) => [key, value]),
          [...model].sort(([a], [b]) => a - b)
        )
        assert.equal(table.count, model.size)
        const due = ordered(({ due }) => (due !== null && due <= until ? pad(due) : null))
        assert.deepEqual(keys(table.by('due', { lte: until })), due)
        assert.deepEqual(
          keys(table.by('due', { lte: until, reverse: true, limit: 2 })),
          due.reverse().slice(0, 2)
        )
        const openDue = ordered(({ state, due }) =>
          state === 'open' && due !== null && due < until ? pad(due) : null
        )
        assert.deepEqual(keys(table.by('stateDue', { gte: ['open'], lt: ['open', until] })), openDue)
        const open = ordered(({ state, due }) => (state === 'open' && due !== null ? pad(due) : null))
        assert.deepEqual(keys(table.by('stateDue', { gte: ['open'], lte: ['open'] })), open)
        assert.deepEqual(
          keys(table.by('tag', { gte: 'b', lte: 'b' })),
          ordered(({ tags }) => (tags.includes('b') ? 'b' : null))
        )
        await written.catch(() => undefined)
        assert.deepEqual([...store.check()], [])
      }),
      { numRuns: 80, endOnFailure: true }
    )
  })
}

test('rows, counts and chains are there after reopening, and keys of several parts sort by each', async t => {
  const home = await folder(t)
  const first = new Store(home, sample)
  await first.ready()
  await first.write(transaction => {
    for (const name of ['b', 'a', 'ab'])
      for (const n of [300, 2]) transaction.put(replies, [name, n], reply(`${name}${n}`))
    assert.equal(transaction.append(history, reply('one')), 0)
    assert.equal(transaction.append(history, reply('two')), 1)
    assert.equal(transaction.table(replies).count, 6, 'a transaction sees its own changes')
    assert.equal(transaction.chain(history).length, 2)
  })
  const { head } = first.chain(history)
  await first.close()
  const store = await opened(t, home)
  const keys = [...store.table(replies).list()].map(({ key }) => key.join(' '))
  assert.deepEqual(keys, ['a 2', 'a 300', 'ab 2', 'ab 300', 'b 2', 'b 300'])
  const ofA = [...store.table(replies).list({ gte: ['a'], lte: ['a'] })]
  assert.deepEqual(
    ofA.map(({ value }) => value.reply!.toString()),
    ['a2', 'a300']
  )
  assert.equal(store.table(replies).count, 6)
  assert.deepEqual(store.chain(history).head, head)
  const texts = [...store.chain(history).entries()].map(
    ({ seq, value }) => `${seq} ${value.reply!.toString()}`
  )
  assert.deepEqual(texts, ['0 one', '1 two'])
  assert.equal(store.chain(history).get(1)!.value.reply!.toString(), 'two')
  assert.equal(store.chain(history).get(2), null)
})

test('readers see a write when the call returns, and a write of nothing waits until it is on disk', async t => {
  const home = await folder(t)
  const store = await opened(t, home, { backend: BACKENDS['volatile']! })
  const order: string[] = []
  const written = store.write(transaction => transaction.put(replies, ['a', 1], reply('x')))
  assert.equal(store.table(replies).count, 1)
  void written.then(() => order.push('written'))
  await store.write(() => undefined).then(() => order.push('nothing'))
  await store.flushed()
  assert.deepEqual(order, ['written', 'nothing'])
})

test('a table refuses a row over its bound and changes nothing; one in the place of another is taken', async t => {
  const few = table('few', uint, json, {
    rows: 2,
    forget: 'never'
  })
  const store = await opened(t, await folder(t), { tables: [few], chains: [] })
  const row = { state: 'open', due: null, tags: [] }
  for (const id of [1, 2, 2]) await store.write(transaction => transaction.put(few, id, row))
  const tooMany = store.write(transaction => {
    transaction.put(few, 1, { ...row, state: 'done' })
    transaction.put(few, 3, row)
  })
  await assert.rejects(tooMany, { code: 'TABLE_FULL' })
  assert.equal(store.table(few).get(1)!.state, 'open')
  await store.write(transaction => {
    transaction.delete(few, 1)
    transaction.put(few, 3, row)
  })
  assert.equal(store.table(few).count, 2)
})

test('rows are forgotten by the rule of their table, the oldest first', async t => {
  const store = await opened(t, await folder(t))
  const day = 86_400_000
  await store.write(transaction => {
    for (const id of [1, 2, 3, 4])
      transaction.put(tasks, id, { state: 'open', due: id === 4 ? null : id, tags: [] })
    transaction.put(replies, ['a', 1], reply('kept'))
  })
  assert.equal(await store.forget(day), 0)
  assert.equal(await store.forget(day + 2, 1), 1)
  assert.deepEqual(
    [...store.table(tasks).list()].map(({ key }) => key),
    [2, 3, 4]
  )
  assert.equal(await store.forget(day + 2), 1)
  assert.equal(await store.forget(day * 2), 1)
  assert.equal(store.table(tasks).count, 1)
  assert.equal(store.table(replies).count, 1)
  assert.deepEqual([...store.check()], [])
})

test('a row that is changed during an iteration over an index appears as it is then, or not at all', async t => {
  const store = await opened(t, await folder(t))
  const row = { state: 'open', tags: [] }
  await store.write(transaction => {
    for (const id of [1, 2, 3, 4]) transaction.put(tasks, id, { ...row, due: id })
  })
  const seen: [number, string][] = []
  for (const { key, value } of store.table(tasks).by('due', { lte: 4 })) {
    seen.push([key, value.state])
    if (key !== 1) continue
    await store.write(transaction => {
      transaction.delete(tasks, 2)
      transaction.put(tasks, 3, { ...row, due: 100 })
      transaction.put(tasks, 4, { ...row, due: 4, state: 'done' })
    })
  }
  assert.deepEqual(seen, [
    [1, 'open'],
    [4, 'done']
  ])
})

test('what was not declared, and what cannot be a key, is refused', async t => {
  const store = await opened(t, await folder(t), { tables: [tasks], chains: [] })
  assert.throws(() => store.table(replies), /replies was not declared/)
  assert.throws(() => store.chain(history), /history was not declared/)
  await assert.rejects(
    store.write(transaction => transaction.put(replies, ['a', 1], reply('x'))),
    /replies was not declared/
  )
  for (const id of [-1, 0.5, 2 ** 53]) assert.throws(() => store.table(tasks).get(id), RangeError)
  const tagged = (tag: string): Task => ({ state: 'open', due: null, tags: [tag] })
  for (const tag of ['a\0b', 'x'.repeat(3000)])
    await assert.rejects(
      store.write(transaction => transaction.put(tasks, 1, tagged(tag))),
      RangeError
    )
  await assert.rejects(
    store.write(async () => undefined),
    /must not be asynchronous/
  )
  assert.equal(store.table(tasks).count, 0)
  assert.throws(() => new Store('x', { tables: [tasks, tasks], chains: [] }), /there are two of table tasks/)
})

test('a write changes only the rows and index rows that differ', async t => {
  const keys: string[][] = []
  const store = await opened(t, await folder(t), {
    backend: folder => {
      const backend = BACKENDS['lmdb']!(folder)
      const commit = backend.commit.bind(backend)
      backend.commit = changes => {
        keys.push(changes.map(({ key }) => key.toString('latin1').split('\0')[0]!).sort())
        return commit(changes)
      }
      return backend
    }
  })
  const first = { state: 'open', due: 3, tags: ['a', 'b'] }
  await store.write(transaction => transaction.put(tasks, 1, first))
  keys.length = 0
  await store.write(transaction => transaction.put(tasks, 1, { ...first }))
  await store.write(transaction =>
    transaction.update(tasks, 1, before => {
      before!.tags = ['b', 'c']
      return before
    })
  )
  await store.write(transaction => transaction.update(tasks, 1, () => null))
  assert.deepEqual(keys, [
    [],
    ['itasks.tag', 'itasks.tag', 'ttasks'],
    ['itasks.due', 'itasks.stateDue', 'itasks.tag', 'itasks.tag', 'mcount.tasks', 'ttasks']
  ])
  assert.deepEqual([...store.check()], [])
})
