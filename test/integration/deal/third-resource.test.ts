import assert from 'node:assert/strict'
import { on } from 'node:events'
import { test } from 'node:test'
import { parseKey } from '../../../contracts/keys/key.js'
import { SIDE } from '../../../contracts/order.js'
import { DAY } from '../../../contracts/money/quantity.js'
import type { Market } from '../../../src/book/market.js'
import type { BushelNode } from '../../../src/node/node.js'
import { RESOURCES } from '../../../src/node/trade/resources.js'
import { NodeGroup, quiet } from '../compute/pair/node-group.js'
import { tokens } from './tokens/resource.js'
import { tokensTrade } from './tokens/trade.js'

const PRICE = 10_000_000n
const FLOOR = 6_000_000n

/** The line that registers the third resource. */
const resources = [...RESOURCES, tokensTrade]

async function sell(node: BushelNode, market: Buffer, body: Buffer, price = PRICE): Promise<void> {
  const { orders } = await node.trade()
  const ask = { market, side: SIDE.ask, resource: tokens.id, price, floor: FLOOR, body, lifetime: DAY }
  await orders.publish(ask)
}

async function shown(node: BushelNode): Promise<string> {
  return JSON.stringify(await node.call('book', { resource: 'tokens', waitMs: 0 }, quiet))
}

test(
  'a third resource of one folder and one line is traded like the others',
  { timeout: 120_000 },
  async t => {
    const group = await NodeGroup.open(t)
    const provider = await group.node('provider', { resources })
    const buyer = await group.node('buyer', { resources })
    const { key } = await provider.call('market.create', { name: 'words' }, quiet)
    const market = parseKey(key)
    await buyer.call('market.join', { key }, quiet)
    const [sells, buys] = [await provider.trade(), await buyer.trade()]
    const book = buyer.books.get(market)!
    await book.inStep({ timeoutMs: 20_000 })

    await t.test('its bid rests on the book, and is filled unattended at a negotiated price', async () => {
      const bids = buys.parts.tokensBids!
      await bids.place({ market, units: 1000, offer: 4_000_000n, maxPrice: PRICE })
      const resting = await buyer.call('book', { resource: 'tokens', waitMs: 0 }, quiet)
      assert.deepEqual(
        resting.bids.map(({ units, model, price }) => [units, model, price]),
        [[1000, 'toy', PRICE.toString()]]
      )
      await sell(provider, market, tokens.ask.encode({ units: 5000, model: 'toy' }))
      await updated(book, async () => (await bidsOf(buyer)).length === 0)
      const [bought] = buys.parts.tokens.list('buyer')
      // 4 is met by 7; 5.5 by 6.25; 5.875, below the floor, is declined: the second answer is taken.
      assert.equal(bought!.terms.price, 6_250_000n)
      const [sold] = sells.parts.tokens.list('provider')
      assert.deepEqual(sold, bought)
    })

    await t.test('its installments are paid and counted on both sides', async () => {
      const { id } = buys.parts.tokens.list('buyer')[0]!
      // 400, 400 and 200 units at 6250 sat a thousand.
      const paid = buys.ledger.payments(id).map(({ msat }) => msat)
      assert.deepEqual(paid, [2_500_000n, 2_500_000n, 1_250_000n])
      assert.equal(sells.ledger.totals(id).receivedMsat, 6_250_000n)
      for (const node of [provider, buyer]) {
        const check = await node.call('log.check', {}, quiet)
        assert.deepEqual([check.ok, check.faults, check.balanceMsat], [true, [], '0'])
      }
    })

    await t.test('it stands in the book and in the status, without its floor', async () => {
      await sell(provider, market, Buffer.from('not an ask for tokens'), 1n)
      const { prices, columns, asks, bids } = await buyer.call(
        'book',
        { resource: 'tokens', waitMs: 0 },
        quiet
      )
      assert.deepEqual(prices, [{ unit: 'ktoken', times: '1' }])
      assert.deepEqual(columns.asks, tokens.book.asks)
      assert.equal(asks.length, 1, 'an ask that cannot be read is left out')
      assert.deepEqual(
        [asks[0]!['units'], asks[0]!['model'], asks[0]!.price],
        [5000, 'toy', PRICE.toString()]
      )
      assert.deepEqual(bids, [], 'the filled bid is withdrawn')
      for (const node of [provider, buyer]) assert.ok(!(await shown(node)).includes(FLOOR.toString()))
      const facts = await Promise.all(
        [provider, buyer].map(async node => (await node.call('status', {}, quiet)).resources['tokens'])
      )
      assert.deepEqual(facts[0], {
        facts: { bought: 0, sold: 1000 },
        lines: [{ label: 'tokens', text: '0 bought, 1000 sold' }]
      })
      assert.deepEqual(facts[1]!.facts, { bought: 1000, sold: 0 })
    })

    await t.test(
      'a node without the line holds the same book, reads nothing of it and sells nothing',
      async () => {
        const other = await group.node('other')
        await other.call('market.join', { key }, quiet)
        const { viewHash } = await buyer.call('book', { resource: 'tokens' }, quiet)
        assert.equal((await other.call('book', { waitMs: 20_000 }, quiet)).viewHash, viewHash)
        await assert.rejects(other.call('book', { resource: 'tokens' }, quiet), {
          code: 'BAD_INPUT',
          hint: 'choose one of: storage, compute'
        })
        const { terms } = buys.parts.tokens.list('buyer')[0]!
        const channel = await buys.deals.open(other.home.device.publicKey)
        const request = {
          market,
          ask: terms.ask,
          revision: 1,
          resource: 'tokens',
          body: Buffer.from('{"units":1}'),
          offer: 0n
        }
        await assert.rejects(channel.request('quote', request), { word: 'RESOURCE' })
      }
    )
    assert.deepEqual(group.faults, [])
  }
)

async function bidsOf(node: BushelNode): Promise<unknown[]> {
  return (await node.call('book', { resource: 'tokens', waitMs: 0 }, quiet)).bids
}

/** Resolves at the first change of the book after which the condition holds. */
async function updated(market: Market, is: () => Promise<boolean>): Promise<void> {
  const updates = on(market, 'update')
  if (await is()) return
  for await (const _ of updates) if (await is()) return
}
