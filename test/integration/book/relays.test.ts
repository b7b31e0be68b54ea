import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { orderId } from '../../../contracts/order.js'
import { NETWORK, ask, bid, person, revised, signed, withdrawn } from '../../samples/orders.js'
import { PeerGroup, until, untilAny } from './peers.js'
import type { Peer } from './peers.js'
import type { Market } from '../../../src/book/market.js'

let group: PeerGroup
before(async () => {
  group = await PeerGroup.build()
})
after(async () => {
  await group.close()
})

const becameRelay = async (market: Market): Promise<void> =>
  await until(market, () => market.role === 'relay')

/** A market with a founder and `count` relays, all connected to the founder. */
async function withRelays(
  count: number
): Promise<{ founder: Peer; market: Market; relays: [Peer, Market][] }> {
  const founder = await group.peer()
  const market = await founder.books.found({ name: 'relayed', rules: { stampBits: 2 } })
  const relays: [Peer, Market][] = []
  for (let i = 0; i < count; i++) {
    const peer = await group.peer()
    const theirs = await peer.books.join(market.key)
    await group.connect(peer, founder)
    assert.ok(await theirs.inStep({ timeoutMs: 10_000 }))
    assert.equal(await market.admit(peer.device.publicKey), true)
    await becameRelay(theirs)
    relays.push([peer, theirs])
  }
  return { founder, market, relays }
}

const asksIn = async (market: Market): Promise<number> =>
  (await market.asks({ resource: 'storage', network: NETWORK })).length

test('a relay accepts records while the founder is away and keeps its role after a restart', async () => {
  const { founder, market, relays } = await withRelays(1)
  const [relay, theirs] = relays[0]!
  const { key } = market
  const seller = await group.peer()
  await group.connect(seller, relay)
  const sellers = await seller.books.join(key)
  assert.ok(await sellers.inStep({ timeoutMs: 10_000 }))
  await group.stop(founder)

  await sellers.submit(await signed(seller, ask(seller, key), sellers))
  await until(sellers, async () => (await asksIn(sellers)) === 1)
  assert.equal(await asksIn(theirs), 1)

  await group.stop(relay)
  await group.open(relay)
  const again = relay.books.get(key)!
  assert.equal(again.role, 'relay')
  assert.equal(again.name, 'relayed')
  assert.equal(await asksIn(again), 1)
  await group.connect(seller, relay)
  await sellers.submit(await signed(seller, ask(seller, key), sellers))
  assert.equal(await asksIn(again), 2)

  await group.open(founder)
  const back = founder.books.get(key)!
  assert.equal(back.role, 'founder')
  await group.connect(relay, founder)
  await until(back, async () => (await asksIn(back)) === 2)
  await back.submit(await signed(founder, ask(founder, key), back))
  assert.equal(await asksIn(back), 3)
})

test('views are equal after a partition heals, wherever the records arrived', async () => {
  const { founder, market, relays } = await withRelays(2)
  const { key } = market
  const markets = [market, ...relays.map(([, theirs]) => theirs)]
  const peers = [founder, ...relays.map(([peer]) => peer)]
  const authors = [await person(), await person()]
  const pool: { id: string; revision: number; withdrawn: boolean; bytes: Buffer }[] = []
  for (const author of authors) {
    for (let i = 0; i < 3; i++) {
      const first = (i % 2 ? bid : ask)(author, key)
      const all = [
        first,
        revised(first, { price: 5n }),
        revised(first, { price: 6n }),
        withdrawn(revised(first))
      ]
      for (const order of i === 0 ? all : all.slice(0, 3)) {
        const bytes = await signed(author, order, market)
        pool.push({
          id: orderId(order).toString('hex'),
          revision: order.revision,
          withdrawn: order.withdrawn,
          bytes
        })
      }
    }
  }
  const step = fc.tuple(fc.nat(pool.length - 1), fc.nat(markets.length - 1))
  const said: typeof pool = []
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 16 }), async steps => {
      for (const [peer] of relays) await group.cut(peer)
      for (const [which, where] of steps) {
        const record = pool[which]!
        const refused = await markets[where]!.submit(record.bytes).then(
          () => null,
          (error: { word: string }) => error.word
        )
        assert.ok(refused === null || refused === 'OLD_REVISION', String(refused))
        if (!refused) said.push(record)
      }
      await group.connect(peers[1]!, peers[0]!)
      await group.connect(peers[2]!, peers[1]!)
      const healed = async (): Promise<boolean> =>
        (await hashes(markets)).size === 1 &&
        isDeepStrictEqual(await standing(market, authors), winners(said))
      await untilAny(markets, healed)
    }),
    { numRuns: 4, endOnFailure: true }
  )
})

async function hashes(markets: Market[]): Promise<Set<string>> {
  return new Set(await Promise.all(markets.map(market => market.viewHash())))
}

async function standing(market: Market, authors: { identity: Buffer }[]): Promise<Set<string>> {
  const all = await Promise.all(authors.map(({ identity }) => market.ofIdentity(identity)))
  return new Set(all.flat().map(({ bytes }) => bytes.toString('hex')))
}

/** The highest revision of each order (the greatest bytes among equals) that is not withdrawn. */
function winners(
  records: { id: string; revision: number; withdrawn: boolean; bytes: Buffer }[]
): Set<string> {
  const best = new Map<string, (typeof records)[number]>()
  for (const record of records) {
    const known = best.get(record.id)
    if (!known || (record.revision - known.revision || record.bytes.compare(known.bytes)) > 0)
      best.set(record.id, record)
  }
  return new Set([...best.values()].filter(r => !r.withdrawn).map(({ bytes }) => bytes.toString('hex')))
}

test('an admission waits for the device to connect, even over a restart of the founder', async () => {
  const founder = await group.peer()
  const { key } = await founder.books.found({ name: 'patient' })
  const helper = await group.peer()
  assert.equal(await founder.books.get(key)!.admit(helper.device.publicKey), false)
  await group.stop(founder)
  await group.open(founder)
  const market = await helper.books.join(key)
  await group.connect(helper, founder)
  await becameRelay(market)
  assert.equal(await founder.books.get(key)!.admit(helper.device.publicKey), true)
  await assert.rejects(market.admit(founder.device.publicKey), { code: 'NOT_FOUNDER', exit: 2 })
  await assert.rejects(market.ban(founder.device.publicKey), { code: 'NOT_FOUNDER', exit: 2 })
})

test('a banned relay cannot write any more', async () => {
  const { market, relays } = await withRelays(1)
  const [relay, theirs] = relays[0]!
  const banned = until(theirs, () => theirs.role === 'reader')
  await market.ban(relay.device.publicKey)
  await banned
  assert.equal(market.relays, 0)
  const record = await signed(relay, ask(relay, market.key), theirs)
  await assert.rejects(theirs.submit(record), { code: 'ORDER_REFUSED', word: 'BANNED', exit: 1 })
})

test('two markets with different rules run side by side', async () => {
  const founder = await group.peer()
  const strict = await founder.books.found({
    name: 'strict',
    rules: { maxOrdersPerIdentity: 1, stampBits: 2 }
  })
  const lax = await founder.books.found({ name: 'lax', rules: { maxOrdersPerIdentity: 3, stampBits: 0 } })
  const seller = await group.peer()
  await group.connect(seller, founder)
  const codes: string[] = []
  for (const { key } of [strict, lax]) {
    const market = await seller.books.join(key)
    assert.ok(await market.inStep({ timeoutMs: 10_000 }))
    for (let i = 0; i < 3; i++) {
      const record = await signed(seller, ask(seller, key), market)
      codes.push(
        await market.submit(record).then(
          () => 'OK',
          (error: { word: string }) => error.word
        )
      )
    }
    const foreign = await signed(seller, ask(seller, (key.equals(lax.key) ? strict : lax).key), market)
    await assert.rejects(market.submit(foreign), { code: 'BAD_ORDER', word: 'OTHER_MARKET', exit: 2 })
  }
  assert.deepEqual(codes, ['OK', 'QUOTA', 'QUOTA', 'OK', 'OK', 'OK'])
  assert.deepEqual(seller.books.markets.map(({ name }) => name).sort(), ['lax', 'strict'])
  await group.stop(seller)
  await group.open(seller)
  assert.deepEqual(seller.books.markets.map(({ name }) => name).sort(), ['lax', 'strict'])
  await seller.books.leave(lax.key)
  assert.equal(seller.books.get(lax.key), null)
})

test('publishing without a reachable relay fails and says so', async () => {
  const founder = await group.peer()
  const seller = await group.peer()
  const { key } = await founder.books.found({ name: 'far' })
  const market = await seller.books.join(key)
  assert.throws(() => market.stampFor(ask(seller, key)), { code: 'MARKET_NOT_REACHED' })
  assert.equal(await market.inStep({ timeoutMs: 50 }), false)
  await group.connect(seller, founder)
  assert.ok(await market.inStep({ timeoutMs: 10_000 }))
  const record = await signed(seller, ask(seller, key), market)
  await group.cut(seller)
  await assert.rejects(market.submit(record, { timeoutMs: 50 }), { code: 'NO_RELAY', exit: 1 })
  const submitted = market.submit(record)
  await group.connect(seller, founder)
  await submitted
})
