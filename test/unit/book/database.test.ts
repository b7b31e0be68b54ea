import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Corestore from 'corestore'
import { Node, YoloIndex } from 'hyperbee/lib/messages.js'
import type { ViewDatabase } from '../../../src/book/view/database.js'
import { openView, rowAt, rowsOf } from '../../../src/book/view/database.js'

/** Rows set (+) and deleted (-), a batch between bars. `get` of the database finds 15 afterwards. */
const STEPS = `
  +2 +23 +8 | +7 +19 +6 | +15 -19 +10 | +1 | +5 +7 +18 | +6 | +9 +4 | +4 +3 +19 | -10 | +1 -5 +18 | +13 -4 +16 |
  -15 +21 +20 | +10 | +10 | +4 -2 -4 | +15 +6 | +22 | -9 +8 | +2 -7 | +9 | -21 +4 -1 | -13 -10 | +1 -23 -8 | +11 +0 |
  -0 | +4 -11 | +4 -18 | -9 +11 +23 | +9 | +0 -4 | +7 | -15 +13 -23 | +9 +15 +14 | -15 | +12`

async function scratchView(t: TestContext): Promise<ViewDatabase> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-view-'))
  const store = new Corestore(dir)
  const view = openView(store.get({ name: 'view' }))
  t.after(async () => {
    await view.close()
    await store.close()
    await rm(dir, { recursive: true })
  })
  await view.ready()
  return view
}

test('a deleted row is not found', async t => {
  const view = await scratchView(t)
  const rows = new Set<number>()
  for (const steps of STEPS.split('|')) {
    const batch = view.batch()
    for (const step of steps.trim().split(/\s+/)) {
      const row = Math.abs(Number(step))
      if (step.startsWith('+')) {
        await batch.put(Buffer.of(row), Buffer.of(row))
        rows.add(row)
      } else {
        await batch.del(Buffer.of(row))
        rows.delete(row)
      }
    }
    await batch.flush()
    const found: number[] = []
    for (let row = 0; row < 24; row++) if (await rowAt(view, Buffer.of(row))) found.push(row)
    assert.deepEqual(
      found,
      [...rows].sort((a, b) => a - b)
    )
  }
})

test('a view of a founder that yields a row for ever is read as far as its second time', async t => {
  const view = await scratchView(t)
  await view.put(Buffer.of(1), Buffer.of(1))
  // Each block names the one before twice: 2^40 rows in 40 blocks.
  for (let block = 2; block <= 41; block++) {
    const index = YoloIndex.encode({ levels: [{ keys: [block], children: [block - 1, 0, block - 1, 0] }] })
    await view.core.append(Node.encode({ key: Buffer.of(block), value: Buffer.of(1), index }))
  }
  for (const range of [{}, { reverse: true }]) {
    const rows: Buffer[] = []
    const read = async (): Promise<void> => {
      for await (const { key } of rowsOf(view, range)) rows.push(key)
    }
    await assert.rejects(read(), { code: 'FORGED', message: /rows are not in order/ })
    assert.ok(rows.length <= 41, `${rows.length} rows`)
  }
})

const block = (children: number[]): Buffer =>
  Node.encode({
    key: Buffer.of(2),
    value: null,
    index: YoloIndex.encode({ levels: [{ keys: [2], children }] })
  })

const MALFORMED: Record<string, [block: Buffer, says: RegExp]> = {
  'with a node below itself': [block([2, 0, 2, 0]), /a tree node of block 2 points to none/],
  'with a pointer to no node of an older block': [block([1, 7, 1, 7]), /cannot be decoded/],
  'of bytes that are no row': [Buffer.alloc(100, 255), /cannot be decoded/]
}

for (const [name, [bad, says]] of Object.entries(MALFORMED)) {
  test(`a read of a view ${name} ends with one clear line`, async t => {
    const view = await scratchView(t)
    await view.put(Buffer.of(1), Buffer.of(1))
    await view.core.append(bad)
    await assert.rejects(rowAt(view, Buffer.of(1)), { code: 'FORGED', message: says })
    await assert.rejects(rowsOf(view, {}).next(), { code: 'FORGED', message: says })
  })
}
