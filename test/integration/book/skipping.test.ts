import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import FastForward from 'autobase/lib/fast-forward.js'
import Corestore from 'corestore'
import { openBookLog } from '../../../src/book/log/log.js'
import type { BookLog } from '../../../src/book/log/log.js'
import type { LogEntry } from '../../../src/book/view/apply.js'
import type { ViewDatabase } from '../../../src/book/view/database.js'

/** Writes each block into the view under its own bytes. */
async function apply(entries: readonly LogEntry[], view: ViewDatabase): Promise<void> {
  const batch = view.batch({ update: false })
  for (const { value } of entries) await batch.put(value, value)
  await batch.flush()
}

async function logOf(t: TestContext, key: Buffer | null): Promise<{ log: BookLog; store: Corestore }> {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-log-'))
  const store = new Corestore(join(dir, 'cores'))
  const log = openBookLog({ store, key, apply, ackInterval: 50 })
  t.after(async () => {
    await log.close()
    await store.close()
    await rm(dir, { recursive: true })
  })
  return { log, store }
}

/** Waits until the view has a row. */
async function hasRow(log: BookLog, row: Buffer): Promise<void> {
  while (!(await log.view.peek({ gte: row, lte: row }))) await once(log, 'update')
}

test('a log that has closed its state to skip ahead goes on when nothing is gained by it any more', async t => {
  const { log: founder, store: from } = await logOf(t, null)
  await founder.ready()
  const { log: reader, store: to } = await logOf(t, founder.key)
  const errors: unknown[] = []
  reader.on('error', (error: unknown) => errors.push(error))
  await reader.ready()
  const [a, b] = [from.replicate(true), to.replicate(false)]
  for (const stream of [a, b]) stream.on('error', () => undefined)
  a.pipe(b).pipe(a)
  t.after(() => [a, b].map(stream => stream.destroy()))

  const rows = ['one', 'two', 'three'].map(row => Buffer.from(row))
  await founder.append(rows[0]!)
  await founder.append(rows[1]!)
  await hasRow(reader, rows[1]!)
  while (reader.view.core.signedLength < founder.view.core.length) await once(reader, 'update')

  const search = new FastForward(reader, reader.system!.core.key!, { force: true, length: 0 })
  const target = await search.upgrade()
  await search.close()
  assert.ok(target, 'the signed state is found')
  assert.ok(target.length <= reader.system!.core.length, 'and the reader has it')
  reader.fastForwardTo = Object.assign(target, { force: false })
  await reader._applyState!.close()
  await founder.append(rows[2]!)
  await hasRow(reader, rows[2]!)
  for (const row of rows) await hasRow(reader, row)
  assert.deepEqual(errors, [])
})
