import { once } from 'node:events'
import Autobase from 'autobase'
import messages from 'autobase/lib/messages.js'
import c from 'compact-encoding'
import Corestore from 'corestore'
import Hyperbee from 'hyperbee'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import Hyperswarm from 'hyperswarm'
import Protomux from 'protomux'
import ProtomuxRPC from 'protomux-rpc'
import { encode } from '../../../contracts/schema/codec.js'
import { formatKey, parseKey } from '../../../contracts/keys/key.js'
import { PROTOCOL, VERSION } from '../../../src/book/peers/channel.js'
import { apply } from '../../../src/book/view/apply.js'
import { encodeOperation } from '../../../src/book/view/operation.js'
import { marketRules } from '../../../src/book/view/rules.js'
import { answerOrders, optionsOf, tell } from '../../world/parent.js'

// A founder, and a relay, on bare Autobase: it writes to its core what Autobase never would.

export type Harm = keyof typeof HARMS
export type RogueOrder = { found: string } | { relay: string } | { harm: Harm; market: string }

const { dir, port } = optionsOf<{ dir: string; port: number }>()
const device = crypto.keyPair()
const store = new Corestore(dir)
const bases = new Map<string, Autobase>()
const streams = new Set<NoiseStream>()

const self = (base: Autobase, length: number): object => ({ key: base.local.key, length })
const block = (message: object): Buffer =>
  c.encode(messages.OplogMessage as never, {
    version: 2,
    digest: null,
    checkpoint: null,
    optimistic: false,
    trace: null,
    ...message
  }) as Buffer
const node = (heads: object[], batch = 1, value: Buffer | null = Buffer.from('x')): Buffer =>
  block({ node: { heads, batch, value } })
const signature = { checkpointer: 0, checkpoint: { signature: Buffer.alloc(64), length: 1 } }

/** The blocks of each kind of harm; `n` is the length of the writer's core. */
const HARMS = {
  'one head twice': (b: Autobase, n: number) => [node([self(b, n)]), node([self(b, n + 1), self(b, n + 1)])],
  'a head of its own to come': (b: Autobase, n: number) => [node([self(b, n + 9)])],
  'a head of no length': (b: Autobase) => [node([self(b, 0)])],
  'no message': () => [Buffer.alloc(100, 0xff)],
  'no bytes': () => [Buffer.alloc(0)],
  'a batch without an end': () => [node([], 1_000_000), node([])],
  'a batch of none': () => [node([], 0), node([])],
  'a batch that rises': () => [node([], 2), node([], 3), node([])],
  'a block of megabytes': () => [node([], 1, Buffer.alloc(2 << 20))],
  'as many bytes as its line carries': (b: Autobase, n: number) =>
    Array.from({ length: 700 }, (_, i) => node([self(b, n + i)], 1, crypto.randomBytes(100_000))),
  'signatures of nothing': (b: Autobase, n: number) => [
    block({
      node: { heads: [self(b, n)], batch: 1, value: null },
      digest: { pointer: 0, key: b.key },
      checkpoint: { system: null, encryption: signature, user: null }
    })
  ]
}

const dht = new HyperDHT({ bootstrap: [{ host: '127.0.0.1', port }], host: '127.0.0.1', firewalled: false })
const swarm = new Hyperswarm({ dht, keyPair: device })
swarm.on('connection', (stream: NoiseStream) => {
  stream.on('error', () => undefined)
  streams.add(stream)
  stream.once('close', () => streams.delete(stream))
  store.replicate(stream)
  for (const base of bases.values()) meet(base, stream)
})

// Its own Autobase reads what it has written.
process.on('uncaughtException', () => undefined)

/** Speaks of a market when the other end does, on a connection that is there already. */
function meet(base: Autobase, stream: NoiseStream): void {
  Protomux.from(stream).pair({ protocol: PROTOCOL, id: base.discoveryKey }, () => speak(base, stream))
}

/** Speaks of a market on a connection as an honest node would, and shows its heads again and again. */
function speak(base: Autobase, stream: NoiseStream): void {
  const rpc = new ProtomuxRPC(stream, {
    protocol: PROTOCOL,
    id: base.discoveryKey,
    handshake: encode('book-hello', { version: VERSION, writer: base.local.key, head: null })
  })
  rpc.on('error', () => undefined)
  const heads = (): Buffer =>
    encode('book-heads', { heads: [{ key: base.local.key, length: base.local.length }] })
  for (const method of ['view', 'said', 'signed']) rpc.respond(method, () => Promise.resolve(null))
  rpc.respond('heads', () => Promise.resolve(heads()))
  rpc.respond('seen', () => Promise.resolve(encode('sightings', { seconds: [] })))
  const say = (): void => {
    if (rpc.opened && !rpc.closed) rpc.event('said', heads())
  }
  rpc.on('open', say)
  base.local.on('append', say)
}

async function open(name: string, key: Buffer | null): Promise<Autobase> {
  const base = new Autobase(store.namespace(name), key, {
    open: view =>
      new Hyperbee(view.get('view'), { extension: false, keyEncoding: 'binary', valueEncoding: 'binary' }),
    apply,
    close: async view => await view.close(),
    ackInterval: 100
  })
  await base.ready()
  bases.set(formatKey(base.key), base)
  for (const stream of streams) meet(base, stream)
  return base
}

async function execute(order: RogueOrder): Promise<unknown> {
  if ('found' in order) {
    const base = await open(order.found, null)
    const rules = encodeOperation('rules', marketRules(device.publicKey, order.found, {}))
    await base.append([rules, encodeOperation('tick', { time: Date.now() })])
    await swarm.join(base.discoveryKey).flushed()
    return formatKey(base.key)
  }
  if ('relay' in order) {
    const base = await open('relay', parseKey(order.relay))
    for (const stream of streams) speak(base, stream)
    await swarm.join(base.discoveryKey).flushed()
    while (!base.writable) await once(base, 'update')
    return null
  }
  const base = bases.get(order.market)!
  ;(base as unknown as { pause(): void }).pause()
  const core = store.get({
    key: base.local.key,
    active: false,
    writable: true,
    valueEncoding: 'binary',
    keyPair: (base.local as unknown as { keyPair: KeyPair }).keyPair
  })
  await core.ready()
  await core.append(HARMS[order.harm](base, core.length))
  await core.close()
  return null
}

answerOrders(execute)
tell({ device: formatKey(device.publicKey) })
