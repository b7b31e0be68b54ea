import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GIB, MIB } from '../../../contracts/money/quantity.js'
import { checksumOfTree } from '../../../src/files/tree.js'
import { makeTree, noise } from '../../samples/tree.js'
import { Children } from '../../world/children.js'
import { World } from '../../world/world.js'
import { SmallDisk, noMounts } from './small-disk.js'

test(
  'a buyer is told at once that a full disk pauses its upload, and why; it goes on when there is room',
  { skip: noMounts(), timeout: 400_000 },
  async t => {
    const children = await Children.open(t)
    const disk = await SmallDisk.mount(t, children.at('seller'), 2 * GIB)
    const world = World.at(children, name => (name === 'seller' ? disk.under : []))
    await world.serveDht()
    const market = await world.found('founder', 'bazaar')
    await world.init('seller')
    await world.up('seller')
    await world.ok('seller', ['market', 'join', market])
    await world.sell('seller', '500 sat/GiB-month', '--space', '512MiB')
    await world.join('buyer', market)
    await world.book('buyer', book => book.asks.length === 1)
    await makeTree(world.at('source'), { 'film.bin': noise('film', 64 * MIB) })

    const mirror = world.start('buyer', ['mirror', world.at('source'), '--copies', '1', '--time', '30d'])
    await mirror.line(({ step }) => step === 'upload')
    await disk.fill(45 * MIB)
    const isNote = (text: RegExp) => (line: Record<string, unknown>) =>
      line['event'] === 'note' && text.test(String(line['message']))
    await mirror.line(
      isNote(/^provider \w+ has paused the upload: its disk is full; it goes on when there is room$/)
    )
    const paused = await world.ok<{ resources: { storage: { facts: { paused: number } } } }>('seller', [
      'status'
    ])
    assert.equal(paused.resources.storage.facts.paused, 1)
    await disk.clear()
    await mirror.line(isNote(/^the upload to provider \w+ goes on$/))
    const { code } = await mirror.ended
    assert.equal(code, 0, JSON.stringify(mirror.lines.slice(-3)))
    const { link } = mirror.lines.at(-1) as { link: string }
    await world.home('reader')
    await world.ok('reader', ['restore', link, world.at('restored')])
    const [before, after] = await Promise.all(
      ['source', 'restored'].map(name => checksumOfTree(world.at(name)))
    )
    assert.deepEqual(after, before)
  }
)
