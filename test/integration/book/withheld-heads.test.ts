import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { after, before, test } from 'node:test'
import crypto from 'hypercore-crypto'
import { browsing } from '../../../src/node/api/browsing.js'
import type { Market } from '../../../src/book/market.js'
import { bareChannel } from '../../parts/book/bare-channel.js'
import { RogueRelay } from '../../parts/book/rogue-relay.js'
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
  theirs: Market
  relays: RogueRelay[]
  reader: Peer
  market: Market
}

/** A reader of a market with rogue relays, which was in step once and is connected to nobody. */
async function sceneOf(count: number): Promise<Scene> {
  const founder = await group.peer()
  const theirs = await founder.books.found({ name: 'old heads', rules: { stampBits: 2 } })
  const relays = Array.from({ length: count }, () => new RogueRelay(theirs.key))
  for (const relay of relays) {
    await relay.admitted(await group.rawConnection(relay.rogue.device, founder.device.publicKey), theirs)
  }
  const reader = await group.peer()
  const market = await reader.books.join(theirs.key)
  await group.connect(reader, founder)
  assert.ok(await market.inStep({ timeoutMs: 20_000 }))
  await group.cut(reader)
  return { founder, theirs, relays, reader, market }
}

async function meet(relay: RogueRelay, reader: Peer): Promise<void> {
  await relay.speak(await group.rawConnection(relay.rogue.device, reader.device.publicKey))
}

/** The founder takes an order that the reader does not have. */
async function newOrder({ founder, theirs }: Scene): Promise<void> {
  await theirs.submit(await signed(founder, ask(founder, theirs.key), theirs))
}

const asksIn = async (market: Market): Promise<number> =>
  (await market.asks({ resource: 'storage', network: NETWORK })).length

const LIMIT = { timeout: 60_000 }

test('a relay with old heads does not put a reader in step while another has more', LIMIT, async () => {
  const { relays, reader, market } = await sceneOf(2)
  const [old, ahead] = relays as [RogueRelay, RogueRelay]
  ahead.rogue.heads = [{ key: market.key, length: 1000 }]
  await meet(old, reader)
  await meet(ahead, reader)
  assert.equal(await market.inStep({ timeoutMs: 2000 }), false)
})

test('heads that nobody can give keep a reader out of step for some seconds, once', LIMIT, async () => {
  const { relays, reader, market } = await sceneOf(2)
  const [honest, liar] = relays as [RogueRelay, RogueRelay]
  liar.rogue.heads = [{ key: market.key, length: 1000 }]
  await meet(honest, reader)
  await meet(liar, reader)
  assert.ok(await market.inStep({ timeoutMs: 20_000 }))
  assert.ok(await market.inStep({ timeoutMs: 2000 }))
})

test('a reader that has met one relay of several waits for the others', LIMIT, async () => {
  const scene = await sceneOf(1)
  const { founder, relays, reader, market } = scene
  await newOrder(scene)
  const asked = once(relays[0]!, 'heads')
  const inStep = market.inStep({ timeoutMs: 20_000 })
  await meet(relays[0]!, reader)
  await asked
  await group.connect(reader, founder)
  assert.ok(await inStep)
  assert.equal(await asksIn(market), 1)
})

test('a relay that is silent holds up a reader no longer than the others', LIMIT, async () => {
  const { founder, relays, reader, market } = await sceneOf(2)
  for (const relay of relays) {
    relay.rogue.isSilent = true
    await meet(relay, reader)
  }
  await group.connect(reader, founder)
  assert.ok(await market.inStep({ timeoutMs: 4000 }))
})

test('a head that the founder has signed and no relay gives keeps a reader out of step', LIMIT, async () => {
  const scene = await sceneOf(1)
  const { founder, theirs, relays, reader, market } = scene
  await newOrder(scene)
  while (theirs.unsigned > 0) await once(theirs, 'update')
  const stream = await group.rawConnection(crypto.keyPair(), founder.device.publicKey)
  const { hello } = await bareChannel(stream, market.key)
  stream.destroy()
  await meet(relays[0]!, reader)
  const witness = new RogueRelay(market.key, { head: hello!.head })
  await meet(witness, reader)
  assert.equal(await market.inStep({ timeoutMs: 4000 }), false)
  await group.connect(reader, founder)
  assert.ok(await market.inStep({ timeoutMs: 20_000 }))
  assert.equal(await asksIn(market), 1)
})

test('a passer-by reads the view that the founder has signed furthest, not the first', LIMIT, async () => {
  const scene = await sceneOf(0)
  const { founder, theirs, reader: helper, market } = scene
  await theirs.admit(helper.device.publicKey)
  await group.connect(helper, founder)
  await until(market, () => market.role === 'relay')
  while (market.unsigned > 0) await once(market, 'update')
  await group.cut(helper)
  await newOrder(scene)
  while (theirs.unsigned > 0) await once(theirs, 'update')

  const passer = await group.peer()
  const streams = [await group.connect(passer, helper)]
  const network = Object.assign(new EventEmitter(), {
    streams,
    seek: () => () => undefined
  })
  const readers: EventEmitter[] = []
  const browse = passer.books.browse.bind(passer.books)
  const first = new Promise<void>(resolve => {
    passer.books.browse = async (key, stream) => {
      const reader = await browse(key, stream)
      readers.push(reader)
      queueMicrotask(resolve)
      return reader
    }
  })
  const found = browsing({ books: passer.books, network } as never, market.key, 20_000, reader =>
    reader.asks({ resource: 'storage', network: NETWORK })
  )
  await first
  network.emit('connection', await group.connect(passer, founder))
  assert.equal((await found).length, 1)
  assert.equal(readers.length, 2)
})
