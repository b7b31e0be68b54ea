import assert from 'node:assert/strict'
import { readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Facts } from '../../../src/store/facts.js'
import { folder } from '../../parts/folder.js'

const key = (n: number): Buffer => Buffer.from([n >> 8, n & 255])
const text = (value: string): Buffer => Buffer.from(value)

async function open(file: string): Promise<Facts> {
  const facts = new Facts(file)
  await facts.ready()
  return facts
}

const all = (facts: Facts, kind: string): Record<string, string> =>
  Object.fromEntries([...facts.list(kind)].map(({ key, value }) => [key.toString('hex'), value.toString()]))

test('a fact is the last value of its kind and key, also after reopening', async t => {
  const file = join(await folder(t), 'facts')
  let facts = await open(file)
  assert.equal(facts.get('lease', key(1)), null)
  await facts.set({ kind: 'lease', key: key(1), value: text('a') })
  await facts.set(
    { kind: 'lease', key: key(2), value: text('b') },
    { kind: 'order', key: key(1), value: text('c') }
  )
  await facts.set({ kind: 'lease', key: key(1), value: text('d') })
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(all(facts, 'lease'), { '0001': 'd', '0002': 'b' })
    assert.deepEqual(all(facts, 'order'), { '0001': 'c' })
    assert.equal(facts.count('lease'), 2)
    assert.equal(facts.count('nothing'), 0)
    await facts.close()
    facts = await open(file)
  }
  await facts.close()
  assert.deepEqual(all(await Facts.read(file), 'lease'), { '0001': 'd', '0002': 'b' })
})

test('a removed fact stays removed', async t => {
  const file = join(await folder(t), 'facts')
  const facts = await open(file)
  await facts.set(
    { kind: 'lease', key: key(1), value: text('a') },
    { kind: 'lease', key: key(2), value: text('b') }
  )
  await facts.set({ kind: 'lease', key: key(1), value: null })
  assert.equal(facts.get('lease', key(1)), null)
  assert.equal(facts.count('lease'), 1)
  await facts.close()
  const again = await open(file)
  assert.deepEqual(all(again, 'lease'), { '0002': 'b' })
  await again.close()
})

test('the changes of one set are applied together or not at all', async t => {
  const file = join(await folder(t), 'facts')
  const facts = await open(file)
  await facts.set({ kind: 'a', key: key(1), value: text('old') })
  const before = (await stat(file)).size
  await facts.set(
    { kind: 'a', key: key(1), value: text('new') },
    { kind: 'b', key: key(2), value: text('new') },
    { kind: 'c', key: key(3), value: null }
  )
  await facts.close()
  const whole = await readFile(file)
  for (let cut = before; cut <= whole.byteLength; cut++) {
    await writeFile(file, whole)
    await truncate(file, cut)
    const seen = await Facts.read(file)
    const together = cut === whole.byteLength
    assert.equal(seen.get('a', key(1))!.toString(), together ? 'new' : 'old', `cut at ${cut}`)
    assert.equal(seen.get('b', key(2))?.toString(), together ? 'new' : undefined)
  }
})

test('readers see a change at once, and it is on disk when set resolves', async t => {
  const file = join(await folder(t), 'facts')
  const facts = await open(file)
  const set = facts.set({ kind: 'a', key: key(1), value: text('now') })
  assert.equal(facts.get('a', key(1))!.toString(), 'now')
  await set
  assert.equal((await Facts.read(file)).get('a', key(1))!.toString(), 'now')
  await facts.close()
})

test('only superseded facts are left out at opening', { timeout: 20_000 }, async t => {
  const file = join(await folder(t), 'facts')
  const facts = await open(file)
  const large = Buffer.alloc(200_000, 1)
  for (let i = 0; i < 30; i++)
    await facts.set({ kind: 'large', key: key(1), value: Buffer.concat([large, text(`${i}`)]) })
  // More facts than fit into one entry of the new file, of two kinds.
  const many = Array.from({ length: 700 }, (_, i) => ({
    kind: i % 2 ? 'odd' : 'even',
    key: key(i),
    value: text(`value ${i}`)
  }))
  await facts.set(...many)
  await facts.set({ kind: 'odd', key: key(1), value: null })
  await facts.close()
  const before = (await stat(file)).size
  assert.ok(before > 5e6)

  for (let i = 0; i < 2; i++) {
    const again = await open(file)
    assert.equal(again.get('large', key(1))!.subarray(200_000).toString(), '29')
    assert.equal(again.count('even'), 350)
    assert.equal(again.count('odd'), 349)
    for (const { kind, key, value } of many.slice(2)) assert.deepEqual(again.get(kind, key), value)
    assert.ok((await stat(file)).size < 300_000, 'it was rewritten')
    await again.set({ kind: 'even', key: key(0), value: text('value 0') })
    await again.close()
  }
})

test('an interrupted rewrite changes nothing', async t => {
  const file = join(await folder(t), 'facts')
  const facts = await open(file)
  await facts.set({ kind: 'a', key: key(1), value: text('a') })
  await facts.close()
  await writeFile(file + '.new', 'half of something')
  const again = await open(file)
  assert.equal(again.get('a', key(1))!.toString(), 'a')
  await assert.rejects(stat(file + '.new'), { code: 'ENOENT' })
  await again.close()
})
