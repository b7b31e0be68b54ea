import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { HOUR, MINUTE } from '../../../contracts/money/quantity.js'
import { openBookStore } from '../../../src/book/book-store.js'
import type { Market } from '../../../src/book/market.js'
import { NETWORK, ask, signed } from '../../samples/orders.js'
import { PeerGroup, until } from './peers.js'
import type { Peer } from './peers.js'

/** Orders whose writing makes enough new blocks for a sweep. */
const MANY = 750
/** Orders whose writing makes a market busy. */
const VERY_MANY = 950
const RULES = { stampBits: 0, tickInterval: 500, maxOrdersPerIdentity: 1000, tombstoneMargin: 0 }

let passed = 0
const clock = { now: (): number => Date.now() + passed }
let group: PeerGroup
before(async () => {
  group = await PeerGroup.build()
})
after(async () => {
  await group.close()
})

const asksIn = async (market: Market): Promise<number> =>
  (await market.asks({ resource: 'storage', network: NETWORK, limit: 2 * MANY })).length

/** Lets the market's time pass, and resolves when the founder has signed it. */
async function passing(market: Market, ms: number): Promise<void> {
  const end = clock.now() + ms
  passed += ms
  await until(market, () => market.tick >= end && market.unsigned === 0)
}

async function offering(market: Market, founder: Peer, count: number, lasting: number): Promise<void> {
  const orders = Array.from({ length: count }, () =>
    ask(founder, market.key, { created: clock.now(), expires: clock.now() + lasting })
  )
  const records = await Promise.all(orders.map(order => signed(founder, order, market)))
  await Promise.all(records.map(record => market.submit(record)))
  await until(market, () => market.unsigned === 0)
}

/** Very many orders come and go; resolves when what they have left behind is cleared. */
async function turnover(market: Market, founder: Peer): Promise<void> {
  await offering(market, founder, MANY, HOUR / 2)
  await passing(market, HOUR + 1000)
  const swept = once(market, 'swept')
  await passing(market, HOUR + 1000)
  await swept
}

/** Blocks on the disk of a peer that is stopped. */
async function blocksOf({ dir }: Peer): Promise<number> {
  const store = await openBookStore(join(dir, 'cores'), [])
  let blocks = 0
  for await (const { discoveryKey } of store.storage.createCoreStream() as AsyncIterable<{
    discoveryKey: Buffer
  }>) {
    const core = store.get({ discoveryKey, createIfMissing: false })
    await core.ready()
    for (let block = 0; block < core.length; block++) if (await core.has(block)) blocks++
    await core.close()
  }
  await store.close()
  return blocks
}

test('the blocks of a market do not grow with orders that are gone', async () => {
  const founder = await group.peer(clock)
  const market = await founder.books.found({ name: 'busy', rules: RULES })
  await offering(market, founder, 20, 24 * HOUR)
  await turnover(market, founder)
  await group.stop(founder)
  const before = await blocksOf(founder)
  await group.open(founder)
  const again = founder.books.get(market.key)!
  for (let round = 0; round < 2; round++) await turnover(again, founder)
  assert.equal(await asksIn(again), 20)
  await group.stop(founder)
  const grown = (await blocksOf(founder)) - before
  await group.open(founder)
  assert.ok(grown < MANY, `${grown} blocks more than ${before}`)
  assert.deepEqual(founder.faults, [])
})

test('a busy market is cleared of old blocks before an hour has passed', { timeout: 120_000 }, async () => {
  const founder = await group.peer(clock)
  const market = await founder.books.found({ name: 'crowded', rules: RULES })
  await offering(market, founder, 20, 24 * HOUR)
  const swept = once(market, 'swept')
  for (const author of [founder, await group.peer(clock)]) {
    await offering(market, author, VERY_MANY, 10 * MINUTE)
    await passing(market, 12 * MINUTE)
  }
  const [cleared] = (await swept) as [number]
  assert.ok(cleared > MANY, `${cleared} blocks`)
  assert.equal(await asksIn(market), 20)
  assert.deepEqual(founder.faults, [])
})

test('readers and relays that were away find the book that was cleared of old blocks', async () => {
  const founder = await group.peer(clock)
  const market = await founder.books.found({ name: 'away', rules: RULES })
  const [reader, cut, relay] = [await group.peer(clock), await group.peer(clock), await group.peer(clock)]
  const joined: Market[] = []
  for (const peer of [reader, cut, relay]) {
    const theirs = await peer.books.join(market.key)
    await group.connect(peer, founder)
    assert.ok(await theirs.inStep({ timeoutMs: 10_000 }))
    joined.push(theirs)
  }
  assert.equal(await market.admit(relay.device.publicKey), true)
  await until(joined[2]!, () => joined[2]!.role === 'relay')
  await offering(market, founder, 20, 48 * HOUR)
  for (const theirs of joined) assert.ok(await theirs.inStep({ timeoutMs: 10_000 }))

  await group.stop(reader)
  await group.stop(relay)
  await group.cut(cut)
  await turnover(market, founder)
  await turnover(market, founder)
  await offering(market, founder, 5, 24 * HOUR)

  await group.open(reader)
  await group.open(relay)
  for (const peer of [reader, cut, relay]) await group.connect(peer, founder)
  for (const peer of [reader, cut, relay]) {
    const theirs = peer.books.get(market.key)!
    assert.ok(await theirs.inStep({ timeoutMs: 20_000 }), 'in step again')
    await until(theirs, async () => (await asksIn(theirs)) === 25)
  }

  const again = relay.books.get(market.key)!
  assert.equal(again.role, 'relay')
  await until(again, () => again.holdsAll)
  await group.stop(founder)
  const late = await group.peer(clock)
  await group.connect(late, relay)
  const theirs = await late.books.join(market.key)
  assert.ok(await theirs.inStep({ timeoutMs: 20_000 }))
  assert.equal(await asksIn(theirs), 25)

  await group.open(founder)
  const back = founder.books.get(market.key)!
  await offering(back, founder, 1, 24 * HOUR)
  assert.equal(await asksIn(back), 26)
  for (const { faults } of [founder, reader, cut, relay, late]) assert.deepEqual(faults, [])
})
