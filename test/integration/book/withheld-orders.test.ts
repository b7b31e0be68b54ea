import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { TestContext } from 'node:test'
import { SIDE, orderId } from '../../../contracts/order.js'
import { DAY } from '../../../contracts/money/quantity.js'
import type { Market } from '../../../src/book/market.js'
import { readRecord } from '../../../src/book/view/slots.js'
import { StandingOrders } from '../../../src/deal/orders/standing-orders.js'
import type { MarketPort } from '../../../src/deal/orders/standing-orders.js'
import { FULL, OK, REPEATED, RogueRelay } from '../../parts/book/rogue-relay.js'
import type { Word } from '../../parts/book/rogue-relay.js'
import { storeIn } from '../../parts/store/store-in.js'
import { faultLog } from '../../doubles/fault-log.js'
import { NETWORK, ask, signed } from '../../samples/orders.js'
import { PeerGroup, until } from './peers.js'
import type { Peer } from './peers.js'

let group: PeerGroup
before(async () => {
  group = await PeerGroup.build()
})
after(async () => {
  await group.close()
})

interface Scene {
  founder: Peer
  rogues: RogueRelay[]
  seller: Peer
  market: Market
}

/** A seller that reads a market, connected to rogue relays with these answers and to nobody else. */
async function sceneOf(words: Word[], now = Date.now): Promise<Scene> {
  const founder = await group.peer({ now })
  const theirs = await founder.books.found({ name: 'withheld', rules: { stampBits: 2 } })
  const rogues: RogueRelay[] = []
  for (const word of words) {
    const rogue = new RogueRelay(theirs.key, { word })
    await rogue.admitted(await group.rawConnection(rogue.rogue.device, founder.device.publicKey), theirs)
    rogues.push(rogue)
  }
  const seller = await group.peer({ now })
  const market = await seller.books.join(theirs.key)
  await group.connect(seller, founder)
  assert.ok(await market.inStep({ timeoutMs: 20_000 }))
  await group.cut(seller)
  for (const rogue of rogues)
    await rogue.speak(await group.rawConnection(rogue.rogue.device, seller.device.publicKey))
  assert.equal(market.relays, rogues.length)
  return { founder, rogues, seller, market }
}

const asksIn = async (market: Market): Promise<number> =>
  (await market.asks({ resource: 'storage', network: NETWORK })).length

const LIMIT = { timeout: 60_000 }
const LIES: Record<string, Word> = {
  'say OK': OK,
  'say that they have it': REPEATED,
  'say that they are full': FULL,
  'are silent': 'silence'
}

for (const [what, word] of Object.entries(LIES)) {
  test(
    `an order gets past three relays that ${what}, and the next one does not wait for them`,
    LIMIT,
    async () => {
      const { founder, rogues, seller, market } = await sceneOf([word, word, word])
      await group.connect(seller, founder) // the founder is the fourth relay of the seller
      await market.submit(await signed(seller, ask(seller, market.key), market))
      assert.equal(await asksIn(market), 1)
      const handed = rogues.map(({ submissions }) => submissions)
      assert.deepEqual(handed, [1, 1, 1])

      await market.submit(await signed(seller, ask(seller, market.key), market))
      assert.equal(await asksIn(market), 2)
      assert.deepEqual(
        rogues.map(({ submissions }) => submissions),
        handed,
        'they are asked last'
      )
    }
  )
}

test('an order that every relay accepts and none delivers does not count as posted', LIMIT, async () => {
  const { seller, market } = await sceneOf([OK, OK])
  const posting = await market.submit(await signed(seller, ask(seller, market.key), market))
  assert.deepEqual(posting, { inBook: false, asked: 2, accepted: 2, refusal: null })
})

/** The market as a seller's orders see it; a missing relay is not waited for. */
function portTo(market: Market): MarketPort {
  return {
    rules: market.rules,
    relays: market.relays,
    stampFor: order => market.stampFor(order),
    submit: record => market.submit(record, market.relays > 0 ? {} : { timeoutMs: 50 }),
    inStep: () => market.inStep({ timeoutMs: 50 }),
    get: id => market.get(id),
    standing: id => market.standing(id)
  }
}

/** The seller's own orders, on a disk of their own; `restart` is a start of its node after it ended. */
async function ordersOf(
  t: TestContext,
  seller: Peer,
  key: Buffer
): Promise<{ orders: StandingOrders; restart: () => Promise<void> }> {
  const store = storeIn(join(seller.dir, 'store'))
  await store.ready()
  const start = async (): Promise<StandingOrders> => {
    const orders = new StandingOrders({
      self: {
        identity: seller.identity,
        device: seller.device,
        proof: seller.proof,
        lightning: Buffer.alloc(33),
        network: NETWORK
      },
      store,
      market: () => portTo(seller.books.get(key)!),
      log: faultLog(error => seller.faults.push(error)),
      now: seller.now,
      offerEvery: 100
    })
    await orders.ready()
    return orders
  }
  const own = {
    orders: await start(),
    restart: async () => {
      await own.orders.close()
      own.orders = await start()
    }
  }
  t.after(async () => {
    await own.orders.close()
    await store.close()
  })
  return own
}

const newAsk = (seller: Peer, market: Market, lifetime = DAY): Parameters<StandingOrders['publish']>[0] => {
  const { resource, price, body } = ask(seller, market.key)
  return { market: market.key, side: SIDE.ask, resource, price, body: body!, lifetime }
}

/** Connects a seller to a rogue relay and to nobody else. */
async function leftWith(rogue: RogueRelay, seller: Peer): Promise<void> {
  await group.cut(seller)
  await rogue.speak(await group.rawConnection(rogue.rogue.device, seller.device.publicKey))
}

test('an order that a relay swallows is offered again, until the book has it', LIMIT, async t => {
  const { founder, seller, market } = await sceneOf([OK])
  const { orders } = await ordersOf(t, seller, market.key)
  const { note } = await orders.publish(newAsk(seller, market))
  assert.match(note, /handed to 1 relay, 1 accepted it, and none has put it into the book/)
  await group.connect(seller, founder)
  await until(market, async () => (await asksIn(market)) === 1)
})

test('a withdrawal that a relay swallows is offered again, also after a restart', LIMIT, async t => {
  const { founder, rogues, seller, market } = await sceneOf([OK])
  await group.connect(seller, founder)
  const own = await ordersOf(t, seller, market.key)
  const { id, note } = await own.orders.publish(newAsk(seller, market))
  assert.equal(note, '')
  await leftWith(rogues[0]!, seller)
  assert.match(await own.orders.withdraw(id), /the order may still be shown; its withdrawal is kept/)
  assert.equal(await asksIn(market), 1)
  await own.restart()
  await group.connect(seller, founder)
  await until(market, async () => (await asksIn(market)) === 0)
})

test('a withdrawal that no relay could take is kept, and handed in later', LIMIT, async t => {
  const { founder, seller, market } = await sceneOf([])
  await group.connect(seller, founder)
  const { orders } = await ordersOf(t, seller, market.key)
  const { id } = await orders.publish(newAsk(seller, market))
  await group.cut(seller)
  assert.match(
    await orders.withdraw(id),
    /no relay of the market could be reached; .* its withdrawal is kept/
  )
  await group.connect(seller, founder)
  await until(market, async () => (await asksIn(market)) === 0)
})

test('a revision that a relay swallows is offered again', LIMIT, async t => {
  let ahead = 0
  const { founder, rogues, seller, market } = await sceneOf([OK], () => Date.now() + ahead)
  await group.connect(seller, founder)
  const own = await ordersOf(t, seller, market.key)
  const { id, order } = await own.orders.publish(newAsk(seller, market, 30 * DAY))
  ahead = 2 * DAY
  await leftWith(rogues[0]!, seller)
  const handed = once(rogues[0]!, 'submit')
  await own.restart() // a start renews what is due
  await handed
  await group.connect(seller, founder)
  await until(market, async () => ((await market.get(id))?.order.expires ?? 0) > order.expires)
})

test('an order that a relay refuses and a silent one keeps is withdrawn when it appears', LIMIT, async t => {
  const { founder, rogues, seller, market } = await sceneOf([FULL, 'silence'])
  let kept: Buffer | null = null
  rogues[1]!.once('submit', record => (kept = record))
  const { orders } = await ordersOf(t, seller, market.key)
  await assert.rejects(orders.publish(newAsk(seller, market)), { code: 'ORDER_REFUSED', word: 'FULL' })
  await founder.books.get(market.key)!.submit(kept!)
  await group.connect(seller, founder)
  await until(
    market,
    async () => (await market.standing(orderId(readRecord(kept!).order)))?.withdrawn === true
  )
})
