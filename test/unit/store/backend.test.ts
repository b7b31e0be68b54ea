import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Backend, Change, Range } from '../../../src/store/backend/backend.js'
import { folder } from '../../parts/folder.js'
import { BACKENDS, buffer, openLmdb, textOf } from '../../parts/store/backends.js'

/** What a backend should hold: an object with sorted keys. */
class Model {
  rows = new Map<string, string>()

  commit(changes: Change[]): void {
    for (const { key, value } of changes) {
      if (value) this.rows.set(key.toString('latin1'), value.toString('latin1'))
      else this.rows.delete(key.toString('latin1'))
    }
  }

  range({ gte, lt, reverse = false, limit = Infinity }: Range): string[][] {
    const [from, to] = [gte.toString('latin1'), lt.toString('latin1')]
    const keys = [...this.rows.keys()].filter(key => key >= from && key < to).sort()
    if (reverse) keys.reverse()
    return keys.slice(0, limit).map(key => [key, this.rows.get(key)!])
  }
}

const rowsOf = (backend: Backend, range: Range): string[][] =>
  [...backend.range(range)].map(({ key, value }) => [key.toString('latin1'), value.toString('latin1')])

/** Few different keys, with bytes from 0 to 255, so that they collide, are neighbours and begin with one another. */
const key = fc
  .array(fc.constantFrom(0, 1, 97, 128, 254, 255), { minLength: 1, maxLength: 3 })
  .map(bytes => Buffer.from(bytes))
const change = fc.record({
  key,
  value: fc.option(fc.string({ minLength: 1, unit: 'binary-ascii' }).map(buffer), { freq: 3 })
})
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ commit: fc.array(change, { maxLength: 8 }), isAwaited: fc.boolean() })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      range: fc.record(
        { gte: key, lt: key, reverse: fc.boolean(), limit: fc.nat(9) },
        { requiredKeys: ['gte', 'lt'] }
      )
    })
  },
  { weight: 1, arbitrary: fc.constant('reopen' as const) }
)

for (const [name, create] of Object.entries(BACKENDS)) {
  test(`${name}: any commits, reads and reopenings give what a sorted map gives`, async t => {
    const home = await folder(t)
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
        const place = join(home, `${run++}`)
        const model = new Model()
        let backend = create(place)
        await backend.ready()
        for (const step of steps) {
          if (step === 'reopen') {
            await backend.close()
            backend = create(place)
            await backend.ready()
          } else if ('range' in step) {
            assert.deepEqual(rowsOf(backend, step.range), model.range(step.range))
          } else {
            model.commit(step.commit)
            const committed = backend.commit(step.commit)
            for (const { key } of step.commit)
              assert.equal(backend.get(key)?.toString('latin1'), model.rows.get(key.toString('latin1')))
            if (step.isAwaited) await committed
          }
        }
        assert.deepEqual(textOf(backend), Object.fromEntries(model.rows))
        await backend.close()
      }),
      { numRuns: 60 }
    )
  })

  test(`${name}: commits of one turn share a flush, and a commit of nothing waits for them`, async t => {
    const backend = create(join(await folder(t), 'store'))
    await backend.ready()
    const resolved: number[] = []
    const commits = Array.from({ length: 50 }, (_, i) =>
      backend.commit([{ key: buffer(`k${i}`), value: buffer('v') }]).then(() => resolved.push(i))
    )
    await backend.commit([])
    await Promise.all(commits)
    assert.deepEqual(resolved, [...commits.keys()], 'in order')
    assert.equal(backend.stats.flushes, 1)
    await backend.close()
  })

  test(`${name}: an iteration sees the rows of its beginning, also across turns and commits`, async t => {
    const backend = create(join(await folder(t), 'store'))
    await backend.ready()
    const rows = Array.from({ length: 700 }, (_, i) => ({
      key: buffer(`k${String(i).padStart(4, '0')}`),
      value: buffer(`${i}`)
    }))
    await backend.commit(rows.slice(0, 600))
    const unwritten = backend.commit(rows.slice(600))
    const iteration = backend.range({ gte: buffer('k'), lt: buffer('l') })
    const seen = [iteration.next().value!]
    await unwritten
    for (const row of iteration) {
      seen.push(row)
      if (seen.length % 100 === 0)
        await backend.commit(rows.map(({ key }, i) => ({ key, value: i % 2 ? null : buffer('changed') })))
    }
    assert.deepEqual(
      seen.map(({ value }) => value.toString()),
      rows.map(({ value }) => value.toString())
    )
    assert.equal(backend.get(rows[0]!.key)!.toString(), 'changed')
    await backend.close()
  })

  test(`${name}: a closed backend refuses reads and commits, and what came before is on disk`, async t => {
    const place = join(await folder(t), 'store')
    const backend = create(place)
    await backend.ready()
    await backend.commit(['a', 'b'].map(key => ({ key: buffer(key), value: buffer('old') })))
    const iteration = backend.range({ gte: buffer('a'), lt: buffer('z') })
    iteration.next()
    const last = backend.commit([{ key: buffer('c'), value: buffer('last') }])
    const closing = backend.close()
    assert.throws(() => backend.get(buffer('a')), { code: 'CLOSED' })
    await assert.rejects(backend.commit([{ key: buffer('d'), value: null }]), { code: 'CLOSED' })
    await Promise.all([last, closing])
    assert.throws(() => iteration.next(), { code: 'CLOSED' })
    assert.throws(() => [...backend.range({ gte: buffer('a'), lt: buffer('z') })], { code: 'CLOSED' })
    const again = create(place)
    await again.ready()
    assert.deepEqual(textOf(again), { a: 'old', b: 'old', c: 'last' })
    await again.close()
  })

  test(`${name}: a copy has what was committed`, async t => {
    const home = await folder(t)
    const backend = create(join(home, 'store'))
    await backend.ready()
    await backend.commit([{ key: buffer('a'), value: buffer('1') }])
    const unwritten = backend.commit([{ key: buffer('b'), value: buffer('2') }])
    await backend.copy(join(home, 'copy.new'))
    await unwritten
    await backend.close()
    const copy = create(join(home, 'copy.new'))
    await copy.ready()
    assert.deepEqual(textOf(copy), { a: '1', b: '2' })
    await copy.close()
  })
}

test('more iterations may be open than one page of readers has', async t => {
  const backend = await openLmdb(join(await folder(t), 'store'))
  const open = []
  for (let i = 0; i < 300; i++) {
    await backend.commit(['a', 'b'].map(key => ({ key: buffer(key), value: buffer(`${i}`) })))
    const iteration = backend.range({ gte: buffer('a'), lt: buffer('z') })
    assert.equal(iteration.next().value!.value.toString(), `${i}`)
    open.push(iteration)
  }
  for (const [i, iteration] of open.entries()) assert.equal(iteration.next().value!.value.toString(), `${i}`)
  await backend.close()
})

test('its files are readable by their owner alone', async t => {
  const home = await folder(t)
  const backend = await openLmdb(join(home, 'store'))
  await backend.commit([{ key: buffer('a'), value: buffer('1') }])
  await backend.copy(join(home, 'copy'))
  await backend.close()
  for (const file of ['store/data.mdb', 'store/lock.mdb', 'copy/data.mdb'])
    assert.equal((await stat(join(home, file))).mode & 0o777, 0o600, file)
  for (const dir of ['store', 'copy']) assert.equal((await stat(join(home, dir))).mode & 0o777, 0o700, dir)
})
