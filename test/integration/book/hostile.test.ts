import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import Autobase from 'autobase'
import Corestore from 'corestore'
import Hyperbee from 'hyperbee'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import ProtomuxRPC from 'protomux-rpc'
import { decode, encode } from '../../../contracts/schema/codec.js'
import { stampStrength } from '../../../contracts/order.js'
import { RefusalBudget, COST } from '../../../src/book/budget.js'
import { PROTOCOL } from '../../../src/book/peers/channel.js'
import { encodeOperation } from '../../../src/book/view/operation.js'
import type { Market } from '../../../src/book/market.js'
import { NETWORK, ask, person, signed } from '../../samples/orders.js'
import type { Person } from '../../samples/orders.js'
import { PeerGroup, until } from './peers.js'
import type { Peer } from './peers.js'

let group: PeerGroup
let founder: Peer
let market: Market
before(async () => {
  group = await PeerGroup.build()
  founder = await group.peer()
  market = await founder.books.found({ name: 'besieged', rules: { stampBits: 2 } })
})
after(async () => {
  await group.close()
})

const nobody = encode('book-hello', { version: 1, writer: Buffer.alloc(32) })

/** A peer that speaks the protocol and breaks its rules. */
class Stranger {
  readonly who: Person
  readonly stream: NoiseStream

  private constructor(who: Person, stream: NoiseStream) {
    this.who = who
    this.stream = stream
  }

  static async come(who?: Person): Promise<Stranger> {
    const self = who ?? (await person())
    return new Stranger(self, await group.rawConnection(self.device, founder.device.publicKey))
  }

  speak(hello = nobody, id = market.discoveryKey): ProtomuxRPC {
    return new ProtomuxRPC(this.stream, { protocol: PROTOCOL, id, handshake: hello })
  }
}

async function codes(rpc: ProtomuxRPC, ...orders: Buffer[]): Promise<string[]> {
  const reply = await rpc.request('submit', encode('order-submission', { orders }), { timeout: 5000 })
  return decode('order-verdicts', reply).verdicts.map(({ code }) => code)
}

/** The relay still serves honest peers. */
async function stillServes(): Promise<void> {
  const stranger = await Stranger.come()
  const rpc = stranger.speak()
  assert.deepEqual(await codes(rpc, await signed(stranger.who, ask(stranger.who, market.key), market)), [
    'OK'
  ])
  stranger.stream.destroy()
}

test('bad records are refused, change nothing and use up the sender’s budget', async () => {
  const stranger = await Stranger.come()
  const { who } = stranger
  const rpc = stranger.speak()
  const before = await market.viewHash()
  const forged = await signed(who, ask(who, market.key, { identity: founder.identity }), market)
  const foreign = await signed(who, ask(who, crypto.randomBytes(32)), market)
  const administration = encodeOperation('ban', { key: who.identity })
  assert.deepEqual(await codes(rpc, forged, Buffer.alloc(1100), foreign, administration, await weak(who)), [
    'FORGED',
    'OVERSIZED',
    'OTHER_MARKET',
    'MALFORMED',
    'STAMP'
  ])
  assert.equal(await market.viewHash(), before)
  const closed = once(rpc, 'close')
  const junk = Array.from({ length: 9 }, () => crypto.randomBytes(300))
  await assert.rejects(async () => {
    for (let i = 0; i < 9; i++) await codes(rpc, ...junk)
  })
  await closed
  assert.equal(await market.viewHash(), before)
  stranger.stream.destroy()

  const again = await Stranger.come(who)
  const second = again.speak()
  await once(second, 'close')
  again.stream.destroy()
  await stillServes()
})

async function weak(who: Person): Promise<Buffer> {
  const far = { stampFor: () => ({ tick: market.tick, bits: 0 }) }
  for (;;) {
    const record = await signed(who, ask(who, market.key), far)
    if (stampStrength(decode('signed-order', record)) < 2) return record
  }
}

test('a malformed hello or submission ends the channel', async () => {
  for (const hello of [
    Buffer.alloc(0),
    crypto.randomBytes(10),
    Buffer.alloc(1 << 20),
    Buffer.concat([nobody, nobody])
  ]) {
    const stranger = await Stranger.come()
    await once(stranger.speak(hello), 'close')
    stranger.stream.destroy()
  }
  for (const value of [
    crypto.randomBytes(100),
    Buffer.alloc(1 << 20),
    encode('order-submission', { orders: manyOf(17) })
  ]) {
    const stranger = await Stranger.come()
    const rpc = stranger.speak()
    await assert.rejects(rpc.request('submit', value, { timeout: 5000 }))
    assert.ok(rpc.closed)
    stranger.stream.destroy()
  }
  await stillServes()
})

const manyOf = (count: number): Buffer[] => Array.from({ length: count }, () => Buffer.alloc(4))

test('a request with an unknown method name ends the channel and is not echoed', async () => {
  const stranger = await Stranger.come()
  const rpc = stranger.speak()
  await once(rpc, 'open')
  const received = stranger.stream.rawStream.bytesReceived
  const closed = once(rpc, 'close')
  const name = 'x'.repeat(1 << 20)
  await assert.rejects(rpc.request(name, null), (error: Error) => error.message.length < 1000)
  await closed
  assert.ok(stranger.stream.rawStream.bytesReceived - received < 1 << 16)
  stranger.stream.destroy()

  const again = await Stranger.come(stranger.who)
  await once(again.speak(), 'close')
  again.stream.destroy()
  await stillServes()
})

test('too many concurrent requests end the channel', async () => {
  const stranger = await Stranger.come()
  const rpc = stranger.speak()
  await once(rpc, 'open')
  const record = await signed(stranger.who, ask(stranger.who, market.key), market)
  const answers = Array.from({ length: 40 }, () => codes(rpc, record))
  const settled = await Promise.allSettled(answers)
  assert.ok(settled.some(({ status }) => status === 'rejected'))
  assert.ok(rpc.closed)
  stranger.stream.destroy()
})

test('a relay does not even fetch the writer core of a stranger, whatever the stranger claims', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bushel-stranger-'))
  const store = new Corestore(dir)
  const stranger = await Stranger.come()
  const options = {
    open: (view: { get(name: string): never }) => new Hyperbee(view.get('view'), { extension: false }),
    apply: async () => undefined,
    optimistic: true
  }
  const base = new Autobase(store, market.key, options as never)
  await base.ready()
  store.replicate(stranger.stream)
  const { device } = stranger.who
  const takeover = encodeOperation('admission', {
    device: device.publicKey,
    writer: base.local.key,
    indexer: true
  })
  const append = base.append.bind(base) as (
    value: Buffer,
    options: { optimistic: boolean }
  ) => Promise<number>
  await append(takeover, { optimistic: true })
  await append(encodeOperation('ban', { key: market.key }), { optimistic: true })
  assert.equal(base.local.length, 2)

  const rpc = stranger.speak(encode('book-hello', { version: 1, writer: base.local.key }))
  await once(rpc, 'open')
  for (const key of [base.local.key, market.key, crypto.keyPair().publicKey]) {
    rpc.event('said', encode('book-heads', { heads: [{ key, length: 2 ** 40 }] }))
  }
  assert.deepEqual(decode('book-heads', await rpc.request('heads', null)).heads.length, 1)
  await stillServes() // by now the base has processed every announced core
  assert.equal(
    await founder.books.serve(crypto.discoveryKey(base.local.key), stranger.stream),
    false,
    'not on its disk'
  )
  assert.ok(await market.inStep({ timeoutMs: 0 }))
  stranger.stream.destroy()
  await once(stranger.stream, 'close')
  await base.close()
  await store.close()
  await rm(dir, { recursive: true })
})

test('a reader accepts no orders and gives out no view', async () => {
  const reader = await group.peer()
  await group.connect(reader, founder)
  const theirs = await reader.books.join(market.key)
  assert.ok(await theirs.inStep({ timeoutMs: 10_000 }))
  const who = await person()
  const stream = await group.rawConnection(who.device, reader.device.publicKey)
  const rpc = new ProtomuxRPC(stream, { protocol: PROTOCOL, id: market.discoveryKey, handshake: nobody })
  const record = await signed(who, ask(who, market.key), theirs)
  assert.deepEqual(await codes(rpc, record), ['NO_RELAY'])
  assert.equal(await rpc.request('view', null), null)
  stream.destroy()
})

test('a budget refills over time and belongs to the device, not the connection', () => {
  let now = 0
  const budget = new RefusalBudget(() => now)
  const [one, two] = [crypto.randomBytes(32), crypto.randomBytes(32)]
  for (let i = 0; i < 32; i++) assert.ok(budget.spend(one, COST.refused))
  assert.ok(!budget.spend(one, COST.refused))
  assert.ok(!budget.has(one))
  assert.ok(budget.has(two))
  now += 4000
  assert.ok(budget.has(one))
  budget.exhaust(two)
  assert.ok(!budget.has(two))
  now -= 10_000
  assert.ok(!budget.has(two), 'a clock that goes back gives nothing')
})

test('orders of honest authors arrive while a stranger floods the relay with junk', async () => {
  const seller = await group.peer()
  await group.connect(seller, founder)
  const theirs = await seller.books.join(market.key)
  assert.ok(await theirs.inStep({ timeoutMs: 10_000 }))
  const stranger = await Stranger.come()
  const rpc = stranger.speak()
  const cutOff = assert.rejects(async () => {
    for (;;) await codes(rpc, ...manyOf(4))
  })
  const before = (await theirs.asks({ resource: 'storage', network: NETWORK })).length
  await theirs.submit(await signed(seller, ask(seller, market.key), theirs))
  await until(
    theirs,
    async () => (await theirs.asks({ resource: 'storage', network: NETWORK })).length === before + 1
  )
  await cutOff
  stranger.stream.destroy()
})
