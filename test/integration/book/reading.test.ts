import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import Corestore from 'corestore'
import Hyperbee from 'hyperbee'
import Hypercore from 'hypercore'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ProtomuxRPC from 'protomux-rpc'
import type { ViewHead } from '#spec'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { orderId } from '../../../contracts/order.js'
import { sign } from '../../../contracts/keys/signature.js'
import { PROTOCOL } from '../../../src/book/peers/channel.js'
import { bookKey, orderKey } from '../../../src/book/view/keys.js'
import { LightReader } from '../../../src/book/light-reader.js'
import { Listing } from '../../../src/book/view/listing.js'
import type { Market } from '../../../src/book/market.js'
import { encodeOperation } from '../../../src/book/view/operation.js'
import { GIB_MONTH, NETWORK, ask, bid, person, signed, withdrawn } from '../../samples/orders.js'
import { PeerGroup, until } from './peers.js'
import type { Peer } from './peers.js'
import { Views, lenient, unstamped } from '../../parts/book/view.js'

let group: PeerGroup
let views: Views
before(async () => {
  group = await PeerGroup.build()
  views = await Views.open()
})
after(async () => {
  await group.close()
  await views.close()
})

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now()
  const result = await work()
  return [result, performance.now() - start]
}

test('a reader that asks again and again while it syncs adds one listener only', async t => {
  const reader = await group.peer()
  const market = await reader.books.join(crypto.randomBytes(32))
  const counts = new Map<AbortSignal, number>()
  t.mock.method(
    AbortSignal.prototype,
    'addEventListener',
    function (this: AbortSignal, ...args: Parameters<EventTarget['addEventListener']>) {
      EventTarget.prototype.addEventListener.apply(this, args)
      counts.set(this, Math.max(counts.get(this) ?? 0, getEventListeners(this, 'abort').length))
    }
  )
  assert.equal(await market.inStep({ timeoutMs: 700 }), false, 'there is nobody else')
  assert.ok(counts.size > 0)
  assert.equal(Math.max(...counts.values()), 1, 'listeners of one signal')
})

test('reading the best 20 of 10,000 orders reads only the first 20 index entries', async t => {
  const market = crypto.randomBytes(32)
  const view = await views.make(market)
  const author = await person()
  const rules = lenient()
  const batch = view.bee.batch({ update: false })
  const best: Buffer[] = []
  for (let i = 0; i < 20; i++) {
    const order = ask(author, market, { price: BigInt(100 + i) })
    best.push(await signed(author, order, unstamped))
    await batch.put(bookKey('ask', order, orderId(order)), best[i]!)
  }
  const filler = best[0]!
  for (let i = 20; i < 10_000; i++) {
    const order = {
      resource: 'storage',
      network: i % 3 ? NETWORK : 'bitcoin',
      price: BigInt(1000 + ((i * 7919) % 9000))
    }
    await batch.put(bookKey(i % 2 ? 'ask' : 'bid', order, crypto.randomBytes(32)), filler)
  }
  await batch.flush()
  const fresh = new Hyperbee(view.bee.core, {
    extension: false,
    keyEncoding: 'binary',
    valueEncoding: 'binary'
  })
  const listing = new Listing({ view: () => fresh, market, rules: () => rules, now: Date.now })
  const blocks = await countReads(async () => {
    const [found, ms] = await timed(() => listing.asks({ resource: 'storage', network: NETWORK, limit: 20 }))
    t.diagnostic(`best 20 of 10,000: ${ms.toFixed(1)} ms`)
    assert.deepEqual(
      found.map(({ bytes }) => bytes),
      best
    )
  })
  t.diagnostic(`${blocks} blocks read`)
  assert.ok(blocks > 20 && blocks < 500, `${blocks} blocks read`)
  assert.equal((await listing.asks({ resource: 'storage', network: NETWORK, maxPrice: 104n })).length, 5)
  assert.equal((await listing.asks({ resource: 'storage', network: 'none' })).length, 0)
})

/** Counts the blocks requested from any core during the work. */
async function countReads(work: () => Promise<void>): Promise<number> {
  const { get } = Hypercore.prototype
  let blocks = 0
  Hypercore.prototype.get = function (...parameters) {
    blocks++
    return get.apply(this, parameters)
  }
  try {
    await work()
  } finally {
    Hypercore.prototype.get = get
  }
  return blocks
}

test('a reader verifies records itself and lists no forged, banned, withdrawn or expired ones', async () => {
  const market = crypto.randomBytes(32)
  const view = await views.make(market)
  const start = Date.now()
  await view.begin(lenient(), start)
  const [author, outcast] = [await person(), await person()]
  const good = await signed(author, ask(author, market, { price: 5n }), unstamped)
  const dear = await signed(author, ask(author, market, { price: 9n }), unstamped)
  const gone = ask(author, market, { price: 1n })
  const short = await signed(author, ask(author, market, { price: 2n, expires: start + 60_000 }), unstamped)
  const banned = ask(outcast, market, { price: 3n })
  await view.orders(
    dear,
    good,
    short,
    await signed(author, gone, unstamped),
    await signed(outcast, banned, unstamped)
  )
  await view.orders(await signed(author, withdrawn(gone), unstamped))
  await view.say(encodeOperation('ban', { key: outcast.identity }))
  const forged = ask(author, market, { price: 4n })
  const stolen = await signed(outcast, forged, unstamped)
  await view.bee.put(bookKey('ask', forged, orderId(forged)), stolen)
  await view.bee.put(orderKey(orderId(forged)), stolen)

  let now = start
  const listing = new Listing({ view: () => view.bee, market, rules: () => lenient(), now: () => now })
  const asks = async (): Promise<Buffer[]> =>
    (await listing.asks({ resource: 'storage', network: NETWORK })).map(({ bytes }) => bytes)
  assert.deepEqual(await asks(), [short, good, dear])
  now += 60_000
  assert.deepEqual(await asks(), [good, dear])
  assert.equal(await listing.get(orderId(forged)), null)
  assert.equal(await listing.get(orderId(banned)), null)
  assert.equal(await listing.get(orderId(gone)), null)
  assert.equal(listing.unverified, 3)
  assert.equal((await listing.ofIdentity(author.identity)).length, 2)
})

test('bids are listed with the highest price first', async () => {
  const market = crypto.randomBytes(32)
  const view = await views.make(market)
  await view.begin(lenient(), Date.now())
  const author = await person()
  for (const price of [3n, 9n, 1n, 2n ** 50n]) {
    await view.orders(await signed(author, bid(author, market, { price }), unstamped))
  }
  const listing = new Listing({ view: () => view.bee, market, rules: () => lenient(), now: Date.now })
  const bids = await listing.bids({ resource: 'storage', network: NETWORK, minPrice: 2n })
  assert.deepEqual(
    bids.map(({ order }) => order.price),
    [2n ** 50n, 9n, 3n]
  )
})

/** A founder whose book holds `count` orders, each in a block of its own, and signed. */
async function filled(count: number): Promise<[Peer, Market]> {
  const founder = await group.peer()
  const rules = { stampBits: 0, tickInterval: 200, maxOrdersPerIdentity: 1000 }
  const market = await founder.books.found({ name: 'filled', rules })
  for (let i = 0; i < count; i++) {
    const order = ask(founder, market.key, { price: BigInt(i + 1) * GIB_MONTH })
    await market.submit(await signed(founder, order, market))
  }
  await until(market, () => market.unsigned < 10)
  return [founder, market]
}

test('a newcomer fast-forwards to the signed view, and a light reader need not join', async t => {
  const [founder, market] = await filled(120)
  const newcomer = await group.peer()
  const theirs = await newcomer.books.join(market.key)
  const [, joined] = await timed(async () => {
    await group.connect(newcomer, founder)
    assert.ok(await theirs.inStep({ timeoutMs: 10_000 }))
    assert.equal((await theirs.asks({ resource: 'storage', network: NETWORK, limit: 20 })).length, 20)
  })
  t.diagnostic(`a newcomer has the best 20 of 120 orders after ${joined.toFixed(0)} ms`)
  assert.ok(theirs.stats.fastForwards > 0, 'what is signed was not worked out again')

  const passer = await group.peer()
  const stream = await group.connect(passer, founder)
  const [seen, looked] = await timed(async () => {
    const reader = await passer.books.browse(market.key, stream)
    assert.equal(reader.name, 'filled')
    assert.ok(reader.tick > 0)
    const asks = await reader.asks({ resource: 'storage', network: NETWORK, limit: 20 })
    assert.deepEqual(await reader.bids({ resource: 'storage', network: NETWORK }), [])
    await reader.close()
    return asks
  })
  t.diagnostic(`and who only looks after ${looked.toFixed(0)} ms`)
  const best = await market.asks({ resource: 'storage', network: NETWORK, limit: 20 })
  assert.deepEqual(
    seen.map(({ bytes }) => bytes),
    best.map(({ bytes }) => bytes)
  )
  assert.deepEqual(passer.books.markets, [])
  await assert.rejects(passer.books.browse(crypto.randomBytes(32), stream), {
    code: 'MARKET_NOT_REACHED',
    exit: 1
  })
  assert.deepEqual([...founder.faults, ...newcomer.faults, ...passer.faults], [])

  await market.admit(newcomer.device.publicKey)
  await until(theirs, () => theirs.holdsAll)
  await group.stop(founder)
  const seller = await group.peer()
  await group.connect(seller, newcomer)
  const sellers = await seller.books.join(market.key)
  assert.ok(await sellers.inStep({ timeoutMs: 10_000 }), 'with the founder away')
  const order = ask(seller, market.key, { price: 1n })
  await sellers.submit(await signed(seller, order, sellers))
  await until(sellers, async () => (await sellers.get(orderId(order))) !== null)
  await group.open(founder)
})

test('a reader rejects a view that the founder has not signed', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-light-'))
  const store = new Corestore(dir)
  const [founder, market] = await filled(1)
  const liar = await group.peer()
  const theirs = await liar.books.found({ name: 'filled' })
  await theirs.submit(await signed(liar, ask(liar, theirs.key), theirs))
  const reader = await group.peer()
  const lies: [(head: ViewHead) => ViewHead, Peer][] = [
    [head => head, liar], // another market's view, signed by one who may not
    [head => ({ ...head, signer: founder.device.publicKey }), liar],
    [head => ({ ...head, length: head.length + 1 }), founder],
    [head => ({ ...head, market: theirs.key }), founder]
  ]
  const honest = await viewHead(await group.connect(reader, founder), market.key)
  const other = await viewHead(await group.connect(reader, liar), theirs.key)
  for (const [lie, signer] of lies) {
    const said = signer === liar ? { ...other, market: market.key } : honest
    const head = lie({ ...said, signature: Buffer.alloc(64) })
    const { device } = signer
    const signedHead = {
      ...head,
      signature: signer === liar ? sign('view-head', head, device) : honest.signature
    }
    const stream = await group.connect(reader, liar)
    answer(liar, market.discoveryKey, encode('view-head', signedHead))
    const options = { store: store.session(), stream, market: market.key, timeoutMs: 2000 }
    await assert.rejects(new LightReader(options).ready(), { code: 'FORGED' })
    await group.cut(reader)
  }
  await store.close()
  await rm(dir, { recursive: true })
})

const nobody = encode('book-hello', { version: 1, writer: Buffer.alloc(32) })

async function viewHead(stream: NoiseStream, market: Buffer): Promise<ViewHead> {
  const rpc = new ProtomuxRPC(stream, {
    protocol: PROTOCOL,
    id: crypto.discoveryKey(market),
    handshake: nobody
  })
  for (;;) {
    const reply = await rpc.request('view', null)
    if (reply) return decode('view-head', reply)
  }
}

/** Makes a peer answer for a market that it does not have. */
function answer(peer: Peer, id: Buffer, head: Buffer): void {
  const [stream] = [...peer.streams].slice(-1)
  const rpc = new ProtomuxRPC(stream!, { protocol: PROTOCOL, id, handshake: nobody })
  rpc.respond('view', async () => head)
}

test('ticks are written by themselves, and a reader reports a market clock that is late or ahead', async () => {
  let now = Date.now()
  const founder = await group.peer({ now: () => now })
  const market = await founder.books.found({ name: 'clock', rules: { tickInterval: 50 } })
  const first = market.tick
  assert.equal(market.clock.state, 'fresh')
  now += 5 * 3_600_000
  await until(market, () => market.tick === now)
  assert.ok(market.tick - first === 5 * 3_600_000, 'an hour at a time, all at once')
  now -= 3_600_000
  assert.equal(market.clock.state, 'ahead')
  now += 2 * 3_600_000
  assert.equal(market.clock.state, 'stale')
  await until(market, () => market.tick === now)
  await once(market, 'update', { signal: AbortSignal.timeout(50) }).then(
    () => assert.fail('a clock that stands makes no ticks'),
    () => undefined
  )
})
