import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../../../src/network/cores.js'
import { scratch } from '../../parts/storage/wire.js'

test('a store that is opened again and again keeps the log of one opening', async t => {
  const folder = await scratch(t)
  for (let opening = 0; opening < 4; opening++) {
    const store = openStore(folder)
    await store.ready()
    await store.close()
  }
  const logs = (await readdir(join(folder, 'db'))).filter(name => name.startsWith('LOG'))
  assert.ok(logs.length <= 2, logs.join(' '))
})
