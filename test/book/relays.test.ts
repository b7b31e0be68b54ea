import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { NETWORK, ask, bid, person, revised, signed, withdrawn } from './people.js'
import { Town, until } from './peers.js'
import type { Peer } from './peers.js'
import type { Market } from '../../src/book/market.js'

let town: Town
before(async () => {
  town = await Town.build()
})
after(async () => {
  await town.close()
})

const becameRelay = async (market: Market): Promise<void> => await until(market, () => market.role === 'relay')

/** A market with a founder and so many relays, all connected to the founder. */
async function withRelays(count: number): Promise<{ founder: Peer; market: Market; relays: [Peer, Market][] }> {
  const founder = await town.peer()
  const market = await founder.books.found({ name: 'relayed', rules: { stampBits: 2 } })
  const relays: [Peer, Market][] = []
  for (let i = 0; i < count; i++) {
    const peer = await town.peer()
    const theirs = await peer.books.join(market.key)
    await town.connect(peer, founder)
    assert.ok(await theirs.inStep({ timeoutMs: 10_000 }))
    assert.equal(await market.admit(peer.device.publicKey), true)
    await becameRelay(theirs)
    relays.push([peer, theirs])
  }
  return { founder, market, relays }
}

const asksIn = async (market: Market): Promise<number> => (await market.asks({ network: NETWORK })).length

test('a relay takes records in while the founder is away, and keeps its role over a restart', async () => {
  const { founder, market, relays } = await withRelays(1)
  const [relay, theirs] = relays[0]!
  const { key } = market
  const seller = await town.peer()
  await town.connect(seller, relay)
  const sellers = await seller.books.join(key)
  assert.ok(await sellers.inStep({ timeoutMs: 10_000 }))
  await town.stop(founder)

  await sellers.submit(await signed(seller, ask(seller, key), sellers))
  await until(sellers, async () => (await asksIn(sellers)) === 1)
  assert.equal(await asksIn(theirs), 1)

  await town.stop(relay)
  await town.open(relay)
  const again = relay.books.get(key)!
  assert.equal(again.role, 'relay')
  assert.equal(again.name, 'relayed')
  assert.equal(await asksIn(again), 1)
  await town.connect(seller, relay)
  await sellers.submit(await signed(seller, ask(seller, key), sellers))
  assert.equal(await asksIn(again), 2)

  await town.open(founder)
  const back = founder.books.get(key)!
  assert.equal(back.role, 'founder')
  await town.connect(relay, founder)
  await until(back, async () => (await asksIn(back)) === 2)
  await back.submit(await signed(founder, ask(founder, key), back))
  assert.equal(await asksIn(back), 3)
})

test('views are equal after a partition heals, whatever came where', async () => {
  const { founder, market, relays } = await withRelays(2)
  const { key } = market
  const [author, rival] = [await person(), await person()]
  const order = ask(author, key)
  const first = await signed(author, order, market)
  const second = await signed(author, revised(order, { price: 5n }), market)
  const last = await signed(author, withdrawn(revised(order)), market)
  const standing = bid(rival, key)
  const one = await signed(rival, revised(standing, { price: 1n }), market)
  const two = await signed(rival, revised(standing, { price: 2n }), market)

  for (const [peer] of relays) await town.cut(peer)
  const [a, b] = [relays[0]![1], relays[1]![1]]
  await a.submit(last)
  await b.submit(first)
  await b.submit(second)
  await a.submit(one)
  await b.submit(two)
  await market.submit(await signed(rival, ask(rival, key), market))
  assert.notEqual(await a.viewHash(), await b.viewHash())

  const [left, right] = [relays[0]![0], relays[1]![0]]
  await town.connect(left, founder)
  await town.connect(right, founder)
  await town.connect(left, right)
  const markets = [market, a, b]
  const hashes = async (): Promise<Set<string>> => new Set(await Promise.all(markets.map(m => m.viewHash())))
  await until(market, async () => (await asksIn(market)) === 1 && (await market.bids({ network: NETWORK })).length === 1)
  await until(a, async () => (await hashes()).size === 1)
  await until(b, async () => (await hashes()).size === 1)
  for (const each of markets) {
    const [stands] = await each.bids({ network: NETWORK })
    const expected = one.compare(two) > 0 ? one : two
    assert.ok(stands!.bytes.equals(expected), 'of two equal revisions the greater bytes')
    assert.equal((await each.ofIdentity(author.identity)).length, 0, 'withdrawn is withdrawn')
  }
})

test('an admission waits for the device, over a restart of the founder too', async () => {
  const founder = await town.peer()
  const { key } = await founder.books.found({ name: 'patient' })
  const helper = await town.peer()
  assert.equal(await founder.books.get(key)!.admit(helper.device.publicKey), false)
  await town.stop(founder)
  await town.open(founder)
  const market = await helper.books.join(key)
  await town.connect(helper, founder)
  await becameRelay(market)
  assert.equal(await founder.books.get(key)!.admit(helper.device.publicKey), true)
  await assert.rejects(market.admit(founder.device.publicKey), { code: 'NOT_FOUNDER', exit: 2 })
  await assert.rejects(market.ban(founder.device.publicKey), { code: 'NOT_FOUNDER', exit: 2 })
})

test('a banned relay writes no more', async () => {
  const { market, relays } = await withRelays(1)
  const [relay, theirs] = relays[0]!
  const banned = until(theirs, () => theirs.role === 'reader')
  await market.ban(relay.device.publicKey)
  await banned
  assert.equal(market.relays, 0)
  const record = await signed(relay, ask(relay, market.key), theirs)
  await assert.rejects(theirs.submit(record), { code: 'BANNED', exit: 1 })
})

test('two markets with different rules stand side by side', async () => {
  const founder = await town.peer()
  const strict = await founder.books.found({ name: 'strict', rules: { maxOrdersPerIdentity: 1, stampBits: 2 } })
  const lax = await founder.books.found({ name: 'lax', rules: { maxOrdersPerIdentity: 3, stampBits: 0 } })
  const seller = await town.peer()
  await town.connect(seller, founder)
  const codes: string[] = []
  for (const { key } of [strict, lax]) {
    const market = await seller.books.join(key)
    assert.ok(await market.inStep({ timeoutMs: 10_000 }))
    for (let i = 0; i < 3; i++) {
      const record = await signed(seller, ask(seller, key), market)
      codes.push(await market.submit(record).then(() => 'OK', (error: { code: string }) => error.code))
    }
    const foreign = await signed(seller, ask(seller, (key.equals(lax.key) ? strict : lax).key), market)
    await assert.rejects(market.submit(foreign), { code: 'OTHER_MARKET', exit: 2 })
  }
  assert.deepEqual(codes, ['OK', 'QUOTA', 'QUOTA', 'OK', 'OK', 'OK'])
  assert.deepEqual(seller.books.markets.map(({ name }) => name).sort(), ['lax', 'strict'])
  await town.stop(seller)
  await town.open(seller)
  assert.deepEqual(seller.books.markets.map(({ name }) => name).sort(), ['lax', 'strict'])
  await seller.books.leave(lax.key)
  assert.equal(seller.books.get(lax.key), null)
})

test('with no relay in reach nothing is published, and it is said', async () => {
  const founder = await town.peer()
  const seller = await town.peer()
  const { key } = await founder.books.found({ name: 'far' })
  const market = await seller.books.join(key)
  assert.throws(() => market.stampFor(ask(seller, key)), { code: 'MARKET_NOT_REACHED' })
  assert.equal(await market.inStep({ timeoutMs: 50 }), false)
  await town.connect(seller, founder)
  assert.ok(await market.inStep({ timeoutMs: 10_000 }))
  const record = await signed(seller, ask(seller, key), market)
  await town.cut(seller)
  await assert.rejects(market.submit(record, { timeoutMs: 50 }), { code: 'NO_RELAY', exit: 1 })
  const submitted = market.submit(record)
  await town.connect(seller, founder)
  await submitted
})
