import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { KIB, MIB } from '../../../contracts/money/quantity.js'
import { failureOf } from '../../../bin/demo/processes.js'
import { checksumOfTree } from '../../../src/files/tree.js'
import { makeTree, noise } from '../../samples/tree.js'
import { Children } from '../../world/children.js'
import { World } from '../../world/world.js'
import { SmallDisk, noMounts } from './small-disk.js'

const skip = noMounts()
const options = { skip, timeout: 400_000 }

/** A world in which one person has a disk of so many bytes. */
async function withDisk(
  t: TestContext,
  person: string,
  bytes: number
): Promise<{ world: World; disk: SmallDisk }> {
  const children = await Children.open(t)
  const disk = await SmallDisk.mount(t, children.at(person), bytes)
  const world = World.at(children, name => (name === person ? disk.under : []))
  await world.serveDht()
  return { world, disk }
}

test(
  'a home is not made on a full disk, nothing of it is left there, and it is made once there is room',
  options,
  async t => {
    const { world, disk } = await withDisk(t, 'person', 32 * MIB)
    const home = { home: world.at('person', 'home') }
    for (const left of [0, 4 * KIB, 8 * KIB]) {
      await disk.fill(left)
      const { code, hint } = await world.fails('person', ['init'], 1, home)
      assert.equal(code, 'DISK_FULL')
      assert.ok(hint.length > 0)
      assert.deepEqual(await readdir(disk.at()), ['filler'])
      await disk.clear()
    }
    await world.ok('person', ['init'], home)
  }
)

test('a node does not start on a full disk, and starts once there is room', options, async t => {
  const { world, disk } = await withDisk(t, 'person', 100 * MIB)
  await world.init('person')
  await world.up('person')
  await world.stop('person')
  await disk.fill()
  const { code, message, hint } = await world.fails('person', ['up'], 1)
  assert.equal(code, 'DISK_FULL')
  assert.match(message, /^the disk is full: /)
  assert.match(hint, /^free some space/)
  const status = await world.ok<{ pid: null }>('person', ['status'])
  assert.equal(status.pid, null)
  await disk.clear()
  await world.up('person')
})

test(
  'a buyer whose disk gets full while it packs is told so, and the same command goes on when there is room',
  options,
  async t => {
    const { world, disk } = await withDisk(t, 'buyer', 240 * MIB)
    const market = await world.found('founder', 'bazaar')
    await world.seller('seller', market, '500 sat/GiB-month')
    await world.init('buyer')
    await world.ok('buyer', ['market', 'join', market])
    await makeTree(world.at('source'), { 'film.bin': noise('film', 60 * MIB) })
    await disk.fill(30 * MIB)
    const mirror = ['mirror', world.at('source'), '--copies', '1', '--time', '30d']
    const { code, message, hint } = await world.fails('buyer', mirror, 1)
    assert.equal(code, 'DISK_FULL')
    assert.match(message, /buyer\/drives\/.*' is full; nothing of this was kept or paid$/)
    assert.match(hint, /^free some space and run the command again/)
    await disk.clear()
    const { link } = await world.ok<{ link: string }>('buyer', mirror)

    // The reader's home is on the same disk.
    await disk.fill(30 * MIB)
    const restore = ['restore', link, world.at('restored')]
    const full = await world.fails('buyer', restore, 1)
    assert.equal(full.code, 'DISK_FULL')
    await disk.clear()
    await world.ok('buyer', restore)
    assert.deepEqual(await checksumOfTree(world.at('restored')), await checksumOfTree(world.at('source')))
  }
)

test(
  'a seller whose disk gets full to the last byte in an upload keeps its node and its deals',
  options,
  async t => {
    const { world, disk } = await withDisk(t, 'seller', 400 * MIB)
    const market = await world.found('founder', 'bazaar')
    await world.init('seller')
    const seller = await world.up('seller')
    await world.ok('seller', ['market', 'join', market])
    await world.sell('seller', '500 sat/GiB-month')
    await world.join('buyer', market)
    await world.book('buyer', book => book.asks.length === 1)
    await makeTree(world.at('source'), { 'film.bin': noise('film', 64 * MIB) })
    const args = ['mirror', world.at('source'), '--copies', '1', '--time', '30d']
    const mirror = world.start('buyer', args)
    await mirror.line(({ step }) => step === 'upload')
    await disk.fill()
    const isPaused = ({ event, message }: Record<string, unknown>): boolean =>
      event === 'note' && /has paused the upload: its disk is full/.test(String(message))
    await mirror.line(isPaused)
    await disk.clear()
    const { code } = await mirror.ended
    assert.equal(code, 0, JSON.stringify(mirror.lines.slice(-4)))
    assert.ok(seller.process.running)
  }
)

test(
  'a reader whose destination gets full in the middle keeps what came, and the same command goes on',
  options,
  async t => {
    const children = await Children.open(t)
    const disk = await SmallDisk.mount(t, children.at('stick'), 256 * MIB)
    const world = World.at(children, name => (name === 'reader' ? disk.under : []))
    await world.serveDht()
    const market = await world.found('founder', 'bazaar')
    const seller = await world.seller('seller', market, '500 sat/GiB-month')
    await world.join('buyer', market)
    await makeTree(world.at('source'), { 'film.bin': noise('film', 96 * MIB) })
    const mirror = ['mirror', world.at('source'), '--copies', '1', '--time', '30d']
    const { link } = await world.ok<{ link: string }>('buyer', mirror)
    await world.stop('buyer')
    await world.init('reader')

    const args = ['restore', link, world.at('stick', 'restored')]
    const restore = world.start('reader', args)
    await restore.line(({ step, done }) => step === 'write' && Number(done) > 0)
    process.kill(seller.process.pid, 'SIGSTOP') // so that all of it has not come before the disk is full
    await disk.fill()
    process.kill(seller.process.pid, 'SIGCONT')
    assert.equal((await restore.ended).code, 1, restore.lastWords())
    const failure = failureOf({ result: restore.lines.at(-1)! })
    assert.equal(failure?.code, 'DISK_FULL', restore.lastWords())
    assert.match(failure.message, /what is restored so far is kept$/)
    await disk.clear()

    const { bytes, sha256 } = await world.ok<{ bytes: number; sha256: string }>('reader', args)
    assert.deepEqual([bytes, sha256], [96 * MIB, (await checksumOfTree(world.at('source'))).sha256])
  }
)
