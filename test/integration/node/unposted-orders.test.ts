import assert from 'node:assert/strict'
import { test } from 'node:test'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import { parseKey } from '../../../contracts/keys/key.js'
import { DAY, GIB, HOUR } from '../../../contracts/money/quantity.js'
import { placed } from '../../../src/cli/output/order-text.js'
import { RogueRelay } from '../../parts/book/rogue-relay.js'
import { NodeGroup, quiet } from '../compute/pair/node-group.js'

test(
  'calls say that no relay has put an order or its withdrawal into the book',
  { timeout: 120_000 },
  async t => {
    const group = await NodeGroup.open(t)
    const founder = await group.node('founder')
    const { key } = await founder.call('market.create', { name: 'swallowed', rules: { stampBits: 0 } }, quiet)
    const dht = new HyperDHT({ bootstrap: group.bootstrap })
    t.after(() => dht.destroy())
    const rogue = new RogueRelay(parseKey(key))
    const reach = async (device: string): Promise<NoiseStream> => {
      const stream = dht.connect(parseKey(device), { keyPair: rogue.rogue.device })
      stream.on('error', () => undefined)
      await stream.opened
      return stream
    }
    await rogue.admitted(await reach(founder.device), founder.books.get(parseKey(key))!)
    const seller = await group.node('seller')
    await seller.call('market.join', { key }, quiet)
    await group.close(founder)
    await rogue.speak(await reach(seller.device))

    const sold = { minTime: HOUR, maxTime: 365 * DAY, region: '', space: GIB, price: '80000000000' }
    const order = await seller.call('sell.storage', sold, quiet)
    assert.equal(order.inBook, false)
    const why =
      /^not in the book yet: it was handed to 1 relay, 1 accepted it, .*; it is kept, and offered again/
    assert.match(order.note, why)
    assert.match(placed('an offer', order).join('\n'), /^kept: an offer\nwarning: not in the book yet/)
    const withdrawn = await seller.call('withdraw', { id: order.id }, quiet)
    assert.equal(withdrawn.inBook, false)
    assert.match(withdrawn.note, /its withdrawal is kept, and offered again/)
    await assert.rejects(seller.call('withdraw', { id: order.id }, quiet), { code: 'ORDER_NOT_FOUND' })
  }
)
