import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Backend, Change } from '../../../src/store/backend/backend.js'
import { chainArea, countKey, headKey, indexArea, rowsArea, seal } from '../../../src/store/layout.js'
import { uint } from '../../../src/store/key.js'
import { Store } from '../../../src/store/store.js'
import { folder } from '../../parts/folder.js'
import { openLmdb } from '../../parts/store/backends.js'
import { history, opened, reply, sample, tasks } from '../../parts/store/sample.js'

const key = (...parts: Buffer[]): Buffer => Buffer.concat(parts)
const one = uint.write(1)
const rowOne = key(rowsArea('tasks'), one)
const entryOne = key(chainArea('history'), one)

/** What `check` says of a store in which these changes were made behind its back. */
async function checked(home: string, spoil: (backend: Backend) => Change[]): Promise<string[]> {
  const backend = await openLmdb(join(home, 'store'))
  await backend.commit(spoil(backend))
  await backend.close()
  const store = new Store(home, sample)
  await store.ready()
  const lines = [...store.check()]
  await store.close()
  return lines
}

const flipped = (value: Buffer, at: number): Buffer => {
  const copy = Buffer.from(value)
  copy[at < 0 ? copy.byteLength + at : at]! ^= 1
  return copy
}

/** What each spoiling does, and what is said of it. */
const SPOILED: [what: string, spoil: (backend: Backend) => Change[], expected: RegExp[]][] = [
  ['nothing', () => [], []],
  [
    'an index row is missing',
    () => [{ key: key(indexArea('tasks', 'due'), uint.write(10), one), value: null }],
    [/^table tasks: row 0{15}1 is missing from index row tasks\.due/]
  ],
  [
    'an index row belongs to no row',
    () => [{ key: key(indexArea('tasks', 'due'), uint.write(7), uint.write(9)), value: uint.write(9) }],
    [/^table tasks: index row tasks\.due .* belongs to no row/]
  ],
  [
    'an index row has an old place of a row',
    () => [{ key: key(indexArea('tasks', 'due'), uint.write(7), one), value: one }],
    [/^table tasks: index row tasks\.due .* belongs to no row/]
  ],
  [
    'the count is wrong',
    () => [{ key: countKey('tasks'), value: seal(countKey('tasks'), uint.write(5)) }],
    [/^table tasks: it has 2 rows, its count says 5/]
  ],
  [
    'a bit of a row is wrong',
    backend => [{ key: rowOne, value: flipped(backend.get(rowOne)!, 9) }],
    [/the checksum of row tasks 0{15}1 is wrong/]
  ],
  [
    'a row stands in the place of another',
    backend => [{ key: rowOne, value: backend.get(key(rowsArea('tasks'), uint.write(2))) }],
    [/the checksum of row tasks 0{15}1 is wrong/]
  ],
  [
    'a bit of a chain is wrong, with its checksum right',
    backend => [{ key: entryOne, value: seal(entryOne, flipped(backend.get(entryOne)!.subarray(4), -1)) }],
    [/^chain history: entry 1 does not follow the one before/]
  ],
  [
    'an entry is missing',
    () => [{ key: entryOne, value: null }],
    [/^chain history: entries 1 to 1 are missing/]
  ],
  [
    'the last entry is missing',
    () => [{ key: key(chainArea('history'), uint.write(2)), value: null }],
    [/^chain history: it has 2 entries, its head says 3/]
  ],
  [
    'the head has another hash',
    backend => {
      const place = headKey('history')
      return [{ key: place, value: seal(place, flipped(backend.get(place)!.subarray(4), 20)) }]
    },
    [/^chain history: its head has the hash of another entry/]
  ],
  [
    'a table is not declared',
    () => [{ key: key(rowsArea('gone'), one), value: Buffer.from('x') }],
    [/^row gone 0{15}1 belongs to nothing that is declared/]
  ]
]

for (const [what, spoil, expected] of SPOILED) {
  test(`check: ${what}`, async t => {
    const home = await folder(t)
    const store = new Store(home, sample)
    await store.ready()
    await store.write(transaction => {
      for (const id of [1, 2]) transaction.put(tasks, id, { state: 'open', due: id * 10, tags: [] })
      for (const text of ['a', 'b', 'c']) transaction.append(history, reply(text))
    })
    await store.close()
    const lines = await checked(home, spoil)
    for (const [i, line] of lines.entries()) assert.match(line, expected[i] ?? /^no more$/, lines.join('\n'))
    assert.equal(lines.length, expected.length, lines.join('\n'))
  })
}

test('a registered check stands among the others with its name', async t => {
  const store = await opened(t, await folder(t))
  store.registerCheck('ledger with leases', () => ['lease 1 is paid twice'])
  assert.deepEqual([...store.check()], ['ledger with leases: lease 1 is paid twice'])
})

test('reading a damaged row says what is damaged', async t => {
  const home = await folder(t)
  const first = new Store(home, sample)
  await first.ready()
  await first.write(transaction => transaction.put(tasks, 1, { state: 'open', due: 1, tags: [] }))
  await first.close()
  await checked(home, backend => [{ key: rowOne, value: flipped(backend.get(rowOne)!, 6) }])
  const store = await opened(t, home)
  const damaged = {
    code: 'BAD_STORE',
    message: /store is damaged: the checksum of row tasks 0{15}1 is wrong/
  }
  assert.throws(() => store.table(tasks).get(1), damaged)
  assert.throws(() => [...store.table(tasks).list()], damaged)
  await assert.rejects(
    store.write(transaction => transaction.delete(tasks, 1)),
    damaged
  )
})
