import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CoreStorage, trimLogs } from '../../../src/base/disk/core-storage.js'
import { eraseCore, openStore } from '../../../src/network/cores.js'
import { Children } from '../../world/children.js'

/** Erasing so many cores makes a log of some 200 KiB. */
const CORES = 30
const MOST = 64 * 1024

test('what RocksDB writes about itself does not stay on disk', async t => {
  const folder = (await Children.open(t)).at('store')
  const log = join(folder, 'db', 'LOG')
  const bytes = randomBytes(1000)
  const store = openStore(folder)
  const kept = store.get({ name: 'kept' })
  await kept.append(bytes)
  const key = kept.key
  const erase = async (name: string): Promise<void> => {
    const core = store.get({ name })
    await core.append(bytes)
    await eraseCore(store, core)
  }
  const onDisk = (): number => statSync(log).blocks * 512
  for (let i = 0; i < CORES; i++) await erase(`before ${i}`)
  assert.ok(onDisk() > MOST, 'there is something to give back')
  trimLogs()
  assert.ok(onDisk() <= MOST, `${onDisk()} bytes while it is open`)
  for (let i = 0; i < CORES; i++) await erase(`after ${i}`)
  trimLogs()
  assert.ok(onDisk() <= MOST, `${onDisk()} bytes while it is open, later`)
  await store.close()
  assert.equal(existsSync(log), false, 'once it is closed')

  const again = openStore(folder)
  assert.deepEqual(await again.get({ key: key! }).get(0), bytes)
  await again.close()
  const names = readdirSync(join(folder, 'db')).filter(name => name.startsWith('LOG'))
  assert.deepEqual(names, [])
})

test('a store keeps nothing in memory of a core that was erased', async t => {
  const store = openStore((await Children.open(t)).at('store'))
  const kept = store.get({ name: 'kept' })
  await kept.ready()
  for (let i = 0; i < 3; i++) {
    const core = store.get({ name: `erased ${i}` })
    await core.append(Buffer.alloc(10))
    await eraseCore(store, core)
  }
  assert.deepEqual([...store.cores.map.keys()], [kept.discoveryKey.toString('hex')])
  const again = store.get({ key: kept.key! })
  await again.ready()
  assert.equal(again.core, kept.core)
  await store.close()
})

test('a database that is closed twice leaves the log of the one that was opened after it alone', async t => {
  const folder = (await Children.open(t)).at('store')
  const first = new CoreStorage(folder, {})
  await first.ready()
  await first.close()
  const second = new CoreStorage(folder, {})
  await second.ready()
  await first.close()
  assert.ok(existsSync(join(folder, 'db', 'LOG')))
  await second.close()
})
