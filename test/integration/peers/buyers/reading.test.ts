import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import c from 'compact-encoding'
import type Hypercore from 'hypercore'
import Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import { parseKey } from '../../../../contracts/keys/key.js'
import { readKeyPair, signRead } from '../../../../contracts/keys/read-key.js'
import { parsePrice } from '../../../../contracts/money/money.js'
import { HOUR, KIB, MIB } from '../../../../contracts/money/quantity.js'
import { BOUNDS } from '../../../../src/base/bounds/bounds.js'
import { attachCore, gateCore } from '../../../../src/network/cores.js'
import { proveRead } from '../../../../src/network/read-proofs.js'
import { Network } from '../../../../src/network/network.js'
import { setUp } from '../../../../src/daemon/setup.js'
import { Home } from '../../../../src/identity/home.js'
import { openNode } from '../../../../src/node/node.js'
import { LEASE } from '../../../../src/storage/lease/lease-state.js'
import { idOf } from '../../../../src/storage/lease/leases.js'
import { noise } from '../../../samples/tree.js'
import { Children } from '../../../world/children.js'
import { BarePeer } from '../../../parts/peers/bare-peer.js'
import { RogueBuyer, limitOf, sealOf } from '../../../parts/peers/rogue-buyer.js'
import type { Offer } from '../../../parts/peers/rogue-buyer.js'
import { quiet } from '../../../parts/peers/rogues.js'

const PRICE = parsePrice('100000 sat/GiB-month')
const LIMIT = { timeout: 60_000 }
const BLOCKS = 8
/** How long a reader waits for a block that it is not given, ms. */
const REFUSED = 1500

const children = await Children.open({ after })
const bootstrap = await children.testnet()
const dht = BarePeer.dht(bootstrap)
children.beforeEnd(() => dht.destroy())
await setUp({ home: children.at('seller') })
const home = await Home.open(children.at('seller'))
const seller = await openNode({ home, bootstrap, serve: true })
children.beforeEnd(() => seller.close())
const { key: market } = await seller.call('market.create', { name: 'fair' } as never, quiet)
const sold = { space: 64 * MIB, price: String(PRICE), minTime: HOUR, maxTime: 1000 * HOUR, region: '' }
const { id } = await seller.call('sell.storage', { ...sold, market } as never, quiet)
const offer: Offer = { market, id, device: seller.device, price: PRICE }
const { leases, shelf } = (await seller.trade()).storage

async function buyer(name: string): Promise<RogueBuyer> {
  const one = await RogueBuyer.open({ dir: children.at(name), bootstrap, paying: true })
  children.beforeEnd(() => one.close())
  return one
}

/** The key pair that follows from a link whose encryption key nobody else knows. */
const pair = readKeyPair(crypto.randomBytes(32))
const owner = await buyer('owner')
const goods = await owner.core(...Array.from({ length: BLOCKS }, (_, i) => noise(`${i}`, 64 * KIB)))
const kept = await owner.buy(offer, [limitOf(goods)], () => ({ readKey: pair.publicKey }))
await owner.upload(kept, [goods], BLOCKS)
await owner.seal(kept, [await sealOf(goods)])
const egress = (): number => shelf!.egressBytes(idOf(leases.get('provider', kept.id)!))
let stores = 0

/** How many blocks a plain Hypercore gets over a bare connection on which `prove` came first. */
async function read(
  prove: (stream: NoiseStream) => void = () => undefined,
  key = goods.key
): Promise<number> {
  const stream = dht.connect(parseKey(offer.device), { keyPair: crypto.keyPair() })
  stream.on('error', () => undefined)
  await stream.opened
  const mux = new Protomux(stream)
  prove(stream)
  const got = await readOver(mux.stream as NoiseStream, key)
  stream.destroy()
  return got
}

async function readOver(stream: NoiseStream, key = goods.key): Promise<number> {
  const core = await readerOver(stream, key)
  const got = await gotten(core, 0)
  await core.close()
  return got
}

async function readerOver(stream: NoiseStream, key = goods.key): Promise<Hypercore> {
  const store = new Corestore(children.at(`reader${stores++}`))
  const core = store.get({ key })
  await core.ready()
  core.replicate(stream)
  return core
}

/** How many blocks from `from` on come within the time of a refusal. */
async function gotten(core: Hypercore, from: number): Promise<number> {
  const asked = Array.from({ length: BLOCKS - from }, (_, i) => core.get(from + i, { timeout: REFUSED }))
  return (await Promise.allSettled(asked)).filter(({ status }) => status === 'fulfilled').length
}

function show(stream: NoiseStream, signature: Buffer): void {
  const options = { protocol: 'bushel/read', id: pair.publicKey, handshake: c.fixed64 }
  Protomux.from(stream).createChannel(options)!.open(signature)
}

function signatureFor(
  { handshakeHash, isInitiator, publicKey, remotePublicKey }: NoiseStream,
  { backwards = false, by = pair } = {}
): Buffer {
  const ends = { reader: publicKey, provider: remotePublicKey, isInitiator: isInitiator !== backwards }
  return signRead({ handshakeHash, ...ends }, by)
}

test('whoever knows only the key of a core reads nothing of it, and no egress is spent', LIMIT, async () => {
  const before = egress()
  assert.equal(await read(), 0)
  let other: Buffer | null = null
  await read(stream => (other = signatureFor(stream)))
  assert.equal(await read(stream => show(stream, other!)), 0, 'a proof of another connection')
  assert.equal(await read(stream => show(stream, signatureFor(stream, { backwards: true }))), 0)
  const stranger = { ...crypto.keyPair(), publicKey: pair.publicKey }
  assert.equal(await read(stream => show(stream, signatureFor(stream, { by: stranger }))), 0, 'another key')
  assert.equal(egress(), before)
})

test('whoever proves to know the link reads all of it, and is counted', LIMIT, async () => {
  const before = egress()
  assert.equal(await read(stream => show(stream, signatureFor(stream))), BLOCKS)
  assert.equal(egress() - before, goods.byteLength)
})

test('a peer that shows ever more proofs loses its connection', LIMIT, async () => {
  const stream = dht.connect(parseKey(offer.device), { keyPair: crypto.keyPair() })
  stream.on('error', () => undefined)
  await stream.opened
  const mux = new Protomux(stream)
  const closed = new Promise(resolve => stream.once('close', resolve))
  for (let i = 0; i <= BOUNDS.proofs.peer; i++)
    mux
      .createChannel({ protocol: 'bushel/read', id: crypto.randomBytes(32), handshake: c.fixed64 })!
      .open(Buffer.alloc(64, 1))
  await closed
})

test('a core that a peer may not read is not read over a channel that is open already', LIMIT, async t => {
  const keyPair = crypto.keyPair()
  const network = new Network({ keyPair, bootstrap })
  t.after(() => network.close())
  let isAllowed = true
  gateCore(goods, () => isAllowed)
  network.on('connection', (stream: NoiseStream) => attachCore(goods, stream))
  await network.ready()
  await network.listen()
  const stream = dht.connect(keyPair.publicKey, { keyPair: crypto.keyPair() })
  stream.on('error', () => undefined)
  await stream.opened
  const core = await readerOver(stream)
  await core.get(0)
  isAllowed = false
  assert.equal(await gotten(core, 1), 0)
  await core.close()
  stream.destroy()
})

test(
  'a lease that names the core of another one reads nothing of it and does it no harm',
  LIMIT,
  async () => {
    const before = egress()
    const thief = await buyer('thief')
    const posing = await thief.buy(offer, [limitOf(goods)], () => ({ readKey: pair.publicKey }))
    await posing.channel.request('progress', { agreement: posing.id })
    assert.equal(await readOver(posing.channel.stream), 0)
    assert.equal(egress(), before)
    await posing.channel.request('end', { agreement: posing.id, reason: 'nothing was there' })
    assert.equal(leases.get('provider', kept.id)!.state, LEASE.STORED)
    assert.equal(await read(stream => show(stream, signatureFor(stream))), BLOCKS)
  }
)

test('readers that have fetched all they may do not lock the owner out', LIMIT, async () => {
  const terms = (): { readKey: Buffer; egressBytes: number } => ({
    readKey: pair.publicKey,
    egressBytes: goods.byteLength
  })
  const spender = await buyer('spender')
  const own = await spender.core(...Array.from({ length: BLOCKS }, (_, i) => noise(`own${i}`, 64 * KIB)))
  const bought = await spender.buy(offer, [limitOf(own)], terms)
  await spender.upload(bought, [own], BLOCKS)
  await spender.seal(bought, [await sealOf(own)])
  const id = idOf(leases.get('provider', bought.id)!)
  const told: string[] = []
  const proven = (stream: NoiseStream): void => void proveRead(stream, pair, why => told.push(why))
  assert.equal(await read(proven, own.key), BLOCKS)
  assert.deepEqual(shelf!.accounts(id), { readers: own.byteLength, owner: 0 })
  told.length = 0
  assert.equal(await read(proven, own.key), 0)
  assert.deepEqual(told, ['spent'], 'a reader is told so')

  assert.equal(await readOver(bought.channel.stream, own.key), BLOCKS)
  assert.deepEqual(shelf!.accounts(id), { readers: own.byteLength, owner: own.byteLength })
  assert.equal(await read(proven, own.key), 0)
})
