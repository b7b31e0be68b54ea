import assert from 'node:assert/strict'
import { test } from 'node:test'
import { token } from 'blind-relay'
import c from 'compact-encoding'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import { BOUNDS } from '../../../../src/base/bounds/bounds.js'
import { Allowance } from '../../../../src/network/forwarding/allowance.js'
import { Forwarder } from '../../../../src/network/forwarding/forwarder.js'
import { ManualClock } from '../../../doubles/manual-clock.js'
import { Guest, privateNetwork } from './networks.js'

const nobody = (): Promise<boolean> => Promise.resolve(false)

/** A channel that answers each message with itself on one side; on the other, resolves to what came back. */
function echo(stream: NoiseStream): { sends: (bytes: Buffer) => Promise<Buffer> } {
  let onanswer = (_: Buffer): void => undefined
  const channel = Protomux.from(stream).createChannel({ protocol: 'echo' })!
  const message = channel.addMessage<Buffer>({
    encoding: c.raw,
    onmessage: bytes => (stream.isInitiator ? onanswer(bytes) : void message.send(bytes))
  })
  channel.open()
  return {
    sends: bytes =>
      new Promise(resolve => {
        onanswer = resolve
        message.send(bytes)
      })
  }
}

test('two nodes whose routers let nothing in meet through a relay that knows one of them', async t => {
  const { node } = await privateNetwork(t)
  const relay = await node()
  const seller = await node({ direct: false })
  const buyer = await node({ direct: false })
  const forwarder = await relay.forward(async device => device.equals(seller.keyPair.publicKey))
  seller.useForwarders(() => [forwarder])
  seller.on('connection', echo)
  const echoes = new Map<NoiseStream, ReturnType<typeof echo>>()
  buyer.on('connection', (stream: NoiseStream) => echoes.set(stream, echo(stream)))

  const stream = await buyer.connect(seller.keyPair.publicKey, 10_000)
  assert.deepEqual(stream.remotePublicKey, seller.keyPair.publicKey)
  const bytes = crypto.randomBytes(100_000)
  assert.deepEqual(await echoes.get(stream)!.sends(bytes), bytes)
  assert.deepEqual([relay.forwarding!.pairs, seller.forwarded, buyer.forwarded], [1, 1, 1])
})

test('a node offers no forwarder while everybody can reach it', async t => {
  const { node } = await privateNetwork(t)
  const relay = await node()
  const [seller, buyer] = [await node(), await node()]
  const forwarder = await relay.forward(() => Promise.resolve(true))
  for (const each of [seller, buyer]) each.useForwarders(() => [forwarder])
  await buyer.connect(seller.keyPair.publicKey, 10_000)
  assert.deepEqual([seller.forwarded, buyer.forwarded, relay.forwarding!.pairs], [0, 0, 0])
})

test('when the first forwarder is gone, another one is used', async t => {
  const { node } = await privateNetwork(t)
  const relay = await node()
  const seller = await node({ direct: false })
  const buyer = await node({ direct: false })
  const forwarder = await relay.forward(() => Promise.resolve(true))
  const gone = crypto.keyPair().publicKey
  seller.useForwarders(() => [gone, forwarder])
  const stream = await buyer.connect(seller.keyPair.publicKey, 30_000)
  assert.deepEqual(stream.remotePublicKey, seller.keyPair.publicKey)
  assert.equal(relay.forwarding!.pairs, 1)
})

test('nothing is forwarded between two strangers, nor for one that asks for a pair with itself', async t => {
  const { testnet, node } = await privateNetwork(t)
  const friend = crypto.keyPair()
  const relay = await node()
  const forwarder = await relay.forward(async device => device.equals(friend.publicKey))
  const dht = testnet.createNode({ firewalled: false })
  const guest = (keyPair = crypto.keyPair()): Guest => new Guest(dht, forwarder, keyPair)

  const shared = token()
  const [one, other] = [guest(), guest()]
  assert.deepEqual(await Promise.all([one.pair(true, shared), other.pair(false, shared)]), [null, null])
  await Promise.all([one.closed, other.closed])

  const [stranger, known] = [guest(), guest(friend)]
  const pairs = await Promise.all([stranger.pair(true, shared), known.pair(false, shared)])
  assert.ok(pairs.every(pair => pair !== null))
  assert.equal(relay.forwarding!.pairs, 1)
  stranger.stream.destroy()
  await known.closed
  assert.equal(relay.forwarding!.pairs, 0)

  const [same, itself] = [guest(friend), guest(friend)]
  assert.deepEqual(await Promise.all([same.pair(true, shared), itself.pair(true, shared)]), [null, null])
})

test('bounds: connections of strangers give way to new ones, and requests of a device are few', async t => {
  const { testnet, node } = await privateNetwork(t)
  const relay = await node()
  const forwarder = await relay.forward(nobody)
  const dht = testnet.createNode({ firewalled: false })
  const keyPair = crypto.keyPair()
  const first = new Guest(dht, forwarder)
  await first.opened
  const requests = new Set(
    Array.from({ length: BOUNDS.forwardWaiting.peer }, () => new Guest(dht, forwarder, keyPair))
  )
  for (const each of requests) void each.pair(true)
  await Promise.all([...requests].map(({ opened }) => opened))
  const over = new Guest(dht, forwarder, keyPair)
  assert.equal(await over.pair(true), null)
  assert.equal(relay.used.forwardWaiting, BOUNDS.forwardWaiting.peer)
  await over.closed
  const many = Array.from({ length: BOUNDS.forwarding.all }, () => new Guest(dht, forwarder))
  await Promise.all(many.map(({ opened }) => opened))
  await first.closed
  assert.ok(relay.used.forwarding! <= BOUNDS.forwarding.all)
})

test('bounds: who has used up what is forwarded for it is cut off until some of it has come back', async t => {
  const { testnet } = await privateNetwork(t)
  const friend = crypto.keyPair()
  const clock = new ManualClock()
  const dht = testnet.createNode({ firewalled: false })
  const allowance = new Allowance(() => clock.monotonic())
  const knows = async (device: Buffer): Promise<boolean> => device.equals(friend.publicKey)
  const relay = new Forwarder({ dht, clock, allowance, knows })
  await relay.ready()
  t.after(() => relay.close())
  const own = testnet.createNode({ firewalled: false })
  const pair = async (): Promise<{ known: Guest; isPaired: boolean }> => {
    const shared = token()
    const [known, other] = [new Guest(own, relay.key, friend), new Guest(own, relay.key)]
    void other.pair(false, shared)
    return { known, isPaired: (await known.pair(true, shared)) !== null }
  }
  const { known, isPaired } = await pair()
  assert.ok(isPaired)
  allowance.charge({ device: friend.publicKey, address: null }, BOUNDS.forwarded.peer)
  assert.equal(relay.used.forwarded, BOUNDS.forwarded.peer)
  relay.look()
  await known.closed
  assert.equal((await pair()).isPaired, false)
  await clock.advance(60_000)
  assert.ok((await pair()).isPaired)
})

test('bounds: a request that nobody answers, and a connection that asks for nothing, end after a while', async t => {
  const { testnet } = await privateNetwork(t)
  const clock = new ManualClock()
  const dht = testnet.createNode({ firewalled: false })
  const relay = new Forwarder({ dht, clock, knows: nobody })
  await relay.ready()
  t.after(() => relay.close())
  const own = testnet.createNode({ firewalled: false })
  const [asking, silent] = [new Guest(own, relay.key), new Guest(own, relay.key)]
  void asking.pair(true)
  await Promise.all([asking.opened, silent.opened])
  while (relay.used.forwardWaiting === 0) await new Promise(resolve => setImmediate(resolve))
  await clock.advance(20_001)
  assert.equal(relay.used.forwardWaiting, 0)
  relay.look()
  await Promise.all([asking.closed, silent.closed])
})
