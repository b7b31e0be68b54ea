import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../../../src/network/cores.js'
import { DriveRestore } from '../../../src/storage/archive/restore.js'
import { noise, packAt, shelved } from '../../parts/storage/packed-drive.js'
import { connect, scratch } from '../../parts/storage/wire.js'
import { makeTree } from '../../samples/tree.js'
import { throttled } from './throttle.js'

/** Bytes a second of each provider: slower than this machine, so that what is asked for waits. */
const RATE = 1.5e6
const BYTES = 24 << 20

test('four providers send a restore little more than once', async t => {
  const folder = await scratch(t)
  await makeTree(folder, { file: noise(BYTES) })
  const drive = await packAt(t, join(folder, 'file'), join(folder, 'own'))
  const names = ['one', 'two', 'three', 'four']
  const shelves = await Promise.all(names.map(name => shelved(t, drive, join(folder, name))))
  const store = openStore(join(folder, 'store'))
  await store.ready()
  const restore = new DriveRestore({ link: drive.result.link, dest: join(folder, 'dest'), store })
  const wires = shelves.map(shelf => connect(shelf, restore, () => [throttled(RATE)]))
  for (const wire of wires) restore.attach(wire.ends[1])
  try {
    const { sha256 } = await restore.run()
    assert.equal(sha256, drive.result.sha256)
  } finally {
    for (const wire of wires) await wire.cut()
    await restore.close()
    await store.close()
  }
  const used = shelves.map(shelf => shelf.egress('lease').usedBytes)
  const sent = used.reduce((sum, bytes) => sum + bytes, 0)
  t.diagnostic(`${used.join(', ')}: ${(sent / BYTES).toFixed(2)} times`)
  assert.ok(sent < 1.25 * BYTES, `${(sent / BYTES).toFixed(2)} times: ${used.join(', ')}`)
  assert.ok(Math.min(...used) > BYTES / 8, `all served: ${used.join(', ')}`)
})
