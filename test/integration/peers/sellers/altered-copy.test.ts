import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { failureOf } from '../../../../bin/demo/processes.js'
import { noise } from '../../../samples/tree.js'
import { World } from '../../../world/world.js'
import type { MirrorResult, Up } from '../../../world/world.js'
import { openStore } from '../../../../src/network/cores.js'
import { callWithShortTimeouts } from '../../../parts/peers/buyers.js'

const PRICE = '100000 sat/GiB-month'

test('a reader gets no altered file from a provider that altered its copy', async t => {
  const world = await World.open(t)
  const market = await world.found('honest', 'fair')
  await world.sell('honest', PRICE)
  const rogue = await world.seller('rogue', market, PRICE)
  const content = noise('reader', 4 << 20)
  const path = world.at('file')
  await writeFile(path, content)
  await world.home('buyer')
  await world.ok('buyer', ['market', 'join', market])
  const args = ['mirror', path, '--copies', '2', '--time', '30d']
  const { link } = await world.ok<MirrorResult>('buyer', args)
  await rogue.process.stop()
  const changed = await tamper(world.at('rogue', 'shelf', 'cores'))
  assert.ok(changed >= 16, `${changed} blocks changed`)
  const again: Up = await world.up('rogue')
  await world.home('reader')

  await t.test('the reader gets the right file, from the honest provider', async () => {
    await world.ok('reader', ['restore', link, world.at('restored')])
    assert.ok((await readFile(world.at('restored'))).equals(content))
  })

  await t.test('the reader gets a clear error and no file where only the altered copy is there', async () => {
    await world.kill('honest')
    await world.home('late')
    const finished = await callWithShortTimeouts(world, 'late', 'restore', {
      link,
      dest: world.at('wrong'),
      force: false
    })
    assert.equal(finished.code, 1, JSON.stringify(finished.result) + finished.stderr)
    assert.equal(failureOf(finished)!.code, 'STALLED')
    await assert.rejects(readFile(world.at('wrong')), { code: 'ENOENT' })
  })

  await t.test('the provider with the altered copy still runs', async () => {
    assert.ok(again.process.running)
    await world.ok('rogue', ['status'])
  })
})

/** Changes the bytes of every block on a shelf, unknown to its node. */
async function tamper(folder: string): Promise<number> {
  let changed = 0
  for (const name of await readdir(folder)) {
    const store = openStore(join(folder, name))
    const core = store.get({ key: Buffer.from(name, 'hex') })
    await core.ready()
    const write = core.core.state.storage.write()
    for (let index = 0; index < core.length; index++) {
      const block = (await core.get(index, { wait: false, raw: true }))!
      write.putBlock(index, randomBytes(block.byteLength))
      changed++
    }
    await write.flush()
    await store.close()
  }
  return changed
}
