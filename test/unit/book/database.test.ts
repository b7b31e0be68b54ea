import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import Corestore from 'corestore'
import { openView, rowAt } from '../../../src/book/view/database.js'

/** Rows set (+) and deleted (-), a batch between bars. `get` of the database finds 15 afterwards. */
const STEPS = `
  +2 +23 +8 | +7 +19 +6 | +15 -19 +10 | +1 | +5 +7 +18 | +6 | +9 +4 | +4 +3 +19 | -10 | +1 -5 +18 | +13 -4 +16 |
  -15 +21 +20 | +10 | +10 | +4 -2 -4 | +15 +6 | +22 | -9 +8 | +2 -7 | +9 | -21 +4 -1 | -13 -10 | +1 -23 -8 | +11 +0 |
  -0 | +4 -11 | +4 -18 | -9 +11 +23 | +9 | +0 -4 | +7 | -15 +13 -23 | +9 +15 +14 | -15 | +12`

test('a deleted row is not found', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-view-'))
  const store = new Corestore(dir)
  const view = openView(store.get({ name: 'view' }))
  t.after(async () => {
    await view.close()
    await store.close()
    await rm(dir, { recursive: true })
  })
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
