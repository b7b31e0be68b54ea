import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { KEY_BYTES, positionsOf, samplesFor, spotsOf } from '../../../../contracts/evidence/audit-token.js'
import { MIB } from '../../../../contracts/money/quantity.js'
import { pack } from '../../../../src/storage/archive/pack.js'
import { drivePacker } from '../../../../src/storage/archive/packer.js'
import { survey } from '../../../../src/storage/archive/survey.js'
import { TokenRecorder } from '../../../../src/storage/archive/token-recorder.js'
import { openStore } from '../../../../src/network/cores.js'
import { noise, packAt, shelved } from '../../../parts/storage/packed-drive.js'
import { makeTree } from '../../../samples/tree.js'
import { atEnd, scratch } from '../../../parts/storage/wire.js'

/** A key that is the same in every run. */
function keyOf(...numbers: number[]): Buffer {
  return createHash('sha256').update(numbers.join('/')).digest()
}

test('a provider that has the cores answers each token with the tags that were made while packing', async t => {
  const folder = await scratch(t)
  const tree = join(folder, 'tree')
  const small = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`small/${i}`, noise(50 + i * 90)]))
  await makeTree(tree, { big: noise(700_001), other: noise(1 << 20), empty: '', ...small })
  const spans = (await survey(tree)).cores.map(({ byteLength }) => Math.ceil(byteLength * 1.1))
  const recorder = new TokenRecorder({ sets: 2, days: 3, spans })
  const drive = await packAt(t, tree, join(folder, 'own'), (...passed) => recorder.take(...passed))
  const shelf = await shelved(t, drive, join(folder, 'shelf'))
  const { seals } = drive.result
  const records = [...recorder.records()]
  assert.equal(records.length, 6)
  const lost: number[] = []
  for (const record of records) {
    const [key, tags] = [record.subarray(0, KEY_BYTES), record.subarray(KEY_BYTES)]
    const token = { key, samples: recorder.samples, spans }
    const answer = await shelf.tags('lease', token, seals)
    const spots = spotsOf(
      key,
      token,
      seals.map(({ byteLength }) => byteLength)
    )
    assert.equal(answer.byteLength, 4 * spots.length)
    for (const [i, { sample }] of spots.entries())
      assert.deepEqual(answer.subarray(4 * i, 4 * i + 4), tags.subarray(4 * sample, 4 * sample + 4))
    lost.push(recorder.samples - spots.length)
    assert.deepEqual(new Set(spots.map(({ core }) => core)), new Set([0, 1]), 'both cores are sampled')
  }
  assert.ok(Math.max(...lost) < 60, 'few positions are past the end of their core')
  const size = seals.reduce((sum, { byteLength }) => sum + byteLength, 0)
  assert.ok(size > 1.7 * MIB)
})

test('a block that passes again takes the place of the one before', () => {
  const spans = [4096]
  const blocks = [noise(4096), noise(4096)]
  const recorder = new TokenRecorder({ sets: 1, days: 2, spans })
  recorder.take(0, 0, blocks[0]!)
  const first = [...recorder.records()].map(record => Buffer.from(record))
  recorder.take(0, 0, blocks[1]!)
  const again = [...recorder.records()].map(record => Buffer.from(record))
  recorder.take(0, 0, blocks[0]!)
  assert.notDeepEqual(again, first)
  assert.deepEqual([...recorder.records()], first)
})

test('what is beyond the span of a core is not taken for the next core', () => {
  const recorder = new TokenRecorder({ sets: 1, days: 1, spans: [2048, 2048] })
  recorder.take(1, 0, noise(2048))
  const before = Buffer.concat([...recorder.records()])
  recorder.take(0, 2048, noise(2048))
  recorder.take(0, 4096, noise(10))
  recorder.take(2, 0, noise(2048))
  assert.deepEqual(Buffer.concat([...recorder.records()]), before)
})

test('a loss of 0.1 % is found within 30 answered days in all but 2 of 200 copies', () => {
  const bytes = 1024 * MIB
  const spans = [Math.ceil(bytes * 1.1)]
  const samples = samplesFor(spans)
  assert.equal(samples, 300)
  const isLost = (offset: number): boolean => offset < bytes / 1000
  let unseen = 0
  for (let copy = 0; copy < 200; copy++) {
    let found = false
    for (let day = 0; day < 30 && !found; day++)
      found = spotsOf(keyOf(copy, day), { spans, samples }, [bytes]).some(({ offset }) => isLost(offset))
    if (!found) unseen++
  }
  assert.ok(unseen <= 2, `${unseen} were not found`)
})

test('positions are spread evenly, follow from the key alone, and leave no core out', () => {
  const spans = [100, 99_900]
  assert.deepEqual(positionsOf(keyOf(1), spans, 300), positionsOf(keyOf(1), spans, 300))
  assert.notDeepEqual(positionsOf(keyOf(1), spans, 300), positionsOf(keyOf(2), spans, 300))
  const tenths = new Array<number>(10).fill(0)
  let small = 0
  for (let i = 0; i < 100; i++)
    for (const position of positionsOf(keyOf(i), spans, 300)) {
      if (position < spans[0]!) small++
      else tenths[Math.floor(position / 10_000)]!++
    }
  for (const count of tenths) assert.ok(Math.abs(count - 2813) < 300, `${count} of 2813`)
  assert.ok(small >= 19 * 100)
})

test('the ciphertext of both cores is seen once, to its end', async t => {
  const folder = await scratch(t)
  const tree = join(folder, 'tree')
  await makeTree(tree, { a: noise(10_000), b: noise(600_000) })
  const store = openStore(join(folder, 'own'))
  atEnd(t, () => store.close())
  const seen: { core: number; offset: number; size: number }[] = []
  const { seals } = await pack({
    path: tree,
    store,
    name: 'goods',
    onciphertext(core, offset, block) {
      seen.push({ core, offset, size: block.byteLength })
    }
  })
  for (const [core, { byteLength }] of seals.entries()) {
    const own = seen.filter(one => one.core === core)
    let end = 0
    for (const { offset, size } of own) {
      assert.equal(offset, end)
      end += size
    }
    assert.equal(end, byteLength)
  }
})

test('a drive that grew beyond what was seen of its tree before has no tokens', async t => {
  const folder = await scratch(t)
  const tree = join(folder, 'tree')
  await makeTree(tree, { a: noise(200_000) })
  const plan = { sets: 1, days: 1, spans: (await drivePacker.survey(tree, [])).cores.map(spanOf) }
  const options = { exclude: [], tokens: plan, onbytes: () => undefined, onnote: () => undefined }
  const packed = (name: string): ReturnType<typeof drivePacker.pack> =>
    drivePacker.pack(tree, join(folder, name), { ...options, signal: new AbortController().signal })
  assert.notEqual((await packed('as seen')).tokens, null)
  await makeTree(tree, { b: noise(50_000) })
  assert.equal((await packed('grown')).tokens, null)
})

function spanOf({ byteLength }: { byteLength: number }): number {
  return Math.ceil(byteLength * 1.1)
}
