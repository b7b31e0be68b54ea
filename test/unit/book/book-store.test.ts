import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type Corestore from 'corestore'
import Hyperbee from 'hyperbee'
import { MIB } from '../../../contracts/money/quantity.js'
import { MOST_CACHED, openBookStore } from '../../../src/book/book-store.js'

const BLOCK = Buffer.alloc(1024, 1)

async function opened(t: TestContext): Promise<{ store: Corestore; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'bushel-store-'))
  const store = await openBookStore(folder, [])
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { store, folder }
}

test('what was written to a book soon stands in tables, and not in memory and a log', async t => {
  const { store, folder } = await opened(t)
  const core = store.get({ name: 'core' })
  for (let mib = 0; mib < 24; mib++) await core.append(Array<Buffer>(MIB / BLOCK.byteLength).fill(BLOCK))
  let logged = 0
  for (const name of await readdir(join(folder, 'db')))
    if (/^\d+\.log$/.test(name)) logged += (await stat(join(folder, 'db', name))).size
  assert.ok(logged < 12 * MIB, `${logged / MIB} MiB of logs`)
})

test('the trees of all markets share one bound on what they keep in memory', async t => {
  const { store } = await opened(t)
  const cache = store.globalCache!
  const sizes: number[] = []
  for (const market of ['one', 'two']) {
    const tree = new Hyperbee(store.namespace(market).get({ name: 'view' }))
    const batch = tree.batch()
    for (let row = 0; row < 200; row++) await batch.put(Buffer.from(String(row)), Buffer.from('x'))
    await batch.flush()
    for await (const { key } of tree.createReadStream()) assert.ok(key)
    sizes.push(cache.globalSize)
  }
  assert.equal(cache.maxSize, MOST_CACHED)
  assert.ok(sizes[0]! > 100 && sizes[1]! > 1.5 * sizes[0]!, sizes.join())
})
