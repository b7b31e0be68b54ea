import { once } from 'node:events'
import { join } from 'node:path'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import type Hypercore from 'hypercore'
import type Corestore from 'corestore'
import Protomux from 'protomux'
import { attachCore, openStore } from '../../../src/network/cores.js'
import { Network } from '../../../src/network/network.js'

type Wire = Record<`wire${string}`, { send(message: object): void }>

/** A connection that replicates a core and can send any message of hypercore. */
export class Replica {
  readonly #network: Network
  readonly #store: Corestore
  readonly core: Hypercore
  readonly stream: NoiseStream
  readonly device: Buffer
  readonly #wire: Wire

  private constructor(
    network: Network,
    store: Corestore,
    core: Hypercore,
    stream: NoiseStream,
    device: Buffer,
    wire: Wire
  ) {
    this.#network = network
    this.#store = store
    this.core = core
    this.stream = stream
    this.device = device
    this.#wire = wire
  }

  static async open(
    bootstrap: { host: string; port: number }[],
    device: Buffer,
    key: Buffer,
    folder: string
  ): Promise<Replica> {
    const keyPair = crypto.keyPair()
    const network = new Network({ keyPair, bootstrap })
    await network.ready()
    const store = openStore(join(folder, keyPair.publicKey.toString('hex')))
    const core = store.get({ key })
    await core.ready()
    const stream = await network.connect(device, 20_000)
    const met = once(core, 'peer-add') as Promise<[Wire]>
    attachCore(core, stream)
    const [wire] = await met
    await core.update({ wait: true })
    return new Replica(network, store, core, stream, keyPair.publicKey, wire)
  }

  send(attack: (wire: Wire, mux: Protomux) => void): void {
    attack(this.#wire, Protomux.from(this.stream))
  }

  async close(): Promise<void> {
    await this.#network.close()
    await this.#store.close()
  }
}

const FAR = 2 ** 50
const SEGMENT = 2 ** 21
const NONE = { block: null, hash: null, seek: null, upgrade: null, manifest: null, priority: 0 }
const SYNC = { fork: 0, length: 64, remoteLength: 64, canUpgrade: true, uploading: true, downloading: true }
const NODE = { index: 0, size: 1, hash: Buffer.alloc(32) }
const UPGRADE = { start: 0, length: 1, nodes: [NODE], additionalNodes: [], signature: Buffer.alloc(64) }
const ALL = (words: number): Uint32Array => new Uint32Array(words).fill(0xffffffff)

function times(count: number, send: (i: number) => void): void {
  for (let i = 0; i < count; i++) send(i)
}

/** Messages, each of which costs a peer its connection. */
export const ATTACKS: Record<string, (wire: Wire, mux: Protomux) => void> = {
  'a range without end': ({ wireRange }) => wireRange!.send({ drop: false, start: 1, length: FAR }),
  'a range from 0 without end': ({ wireRange }) => wireRange!.send({ drop: false, start: 0, length: FAR }),
  'a dropped range without end': ({ wireRange }) => wireRange!.send({ drop: true, start: 1, length: FAR }),
  'a block in each of many segments': ({ wireRange }) =>
    times(30_000, i => wireRange!.send({ drop: false, start: i * SEGMENT, length: 1 })),
  'ranges that come and go': ({ wireRange }) =>
    times(5000, i => wireRange!.send({ drop: i % 2 === 1, start: 1, length: 2 ** 22 - 1 })),
  'a bitfield of blocks far away': ({ wireBitfield }) =>
    wireBitfield!.send({ start: FAR, bitfield: ALL(1024) }),
  'a bitfield of several segments': ({ wireBitfield }) =>
    wireBitfield!.send({ start: 0, bitfield: ALL(66_000) }),
  'a flood of bitfields': ({ wireBitfield }) =>
    times(50, () => wireBitfield!.send({ start: 0, bitfield: ALL(65_536) })),
  'a want far away': ({ wireWant }) => wireWant!.send({ start: FAR, length: SEGMENT }),
  'a want without end': ({ wireWant }) => wireWant!.send({ start: 0, length: FAR, any: true }),
  'an unwant without end': ({ wireUnwant }) => wireUnwant!.send({ start: 0, length: FAR }),
  'a length that no core has': ({ wireSync }) => wireSync!.send({ ...SYNC, length: FAR }),
  'a remote length that no core has': ({ wireSync }) => wireSync!.send({ ...SYNC, remoteLength: FAR }),
  'many forks': ({ wireSync }) => times(1000, i => wireSync!.send({ ...SYNC, fork: i + 1 })),
  'a request for a block far away': ({ wireRequest }) =>
    wireRequest!.send({ ...NONE, id: 1, fork: 0, block: { index: FAR, nodes: 0 } }),
  'a request for too many nodes': ({ wireRequest }) =>
    wireRequest!.send({ ...NONE, id: 1, fork: 0, block: { index: 0, nodes: FAR } }),
  'a request for a long upgrade': ({ wireRequest }) =>
    wireRequest!.send({ ...NONE, id: 1, fork: 0, upgrade: { start: 0, length: FAR } }),
  'a request for a hash and a seek that do not fit': ({ wireRequest }) =>
    wireRequest!.send({
      ...NONE,
      id: 1,
      fork: 0,
      hash: { index: 7, nodes: 0 },
      seek: { bytes: 450, padding: 0 },
      upgrade: { start: 4, length: 60 }
    }),
  // In one frame, so that the node does not answer any of them in between.
  'more requests than may be pending': ({ wireRequest }, mux) => {
    mux.cork()
    times(40_000, i => wireRequest!.send({ ...NONE, id: i + 1, fork: 0, block: { index: i % 64, nodes: 0 } }))
    mux.uncork()
  },
  'an upgrade by nothing': ({ wireData }) =>
    wireData!.send({
      ...NONE,
      request: 0,
      fork: 1,
      upgrade: { ...UPGRADE, length: 0, nodes: [] }
    }),
  'a long proof': ({ wireData }) =>
    wireData!.send({
      ...NONE,
      request: 1,
      fork: 0,
      block: { index: 0, value: Buffer.alloc(1), nodes: Array.from({ length: 500 }, () => NODE) }
    }),
  'data that nobody asked for': ({ wireData }) =>
    times(100, () => wireData!.send({ ...NONE, request: 0, fork: 0, upgrade: UPGRADE })),
  'an answer when hypercore has had enough': ({ wireData, wireRequest }) => {
    wireData!.send({ ...NONE, request: 0, fork: 1, upgrade: UPGRADE })
    setTimeout(() => wireRequest!.send({ ...NONE, id: 1, fork: 0, block: { index: 100, nodes: 0 } }), 200)
  },
  'an extension with a long name': ({ wireExtension }) =>
    wireExtension!.send({ name: 'x'.repeat(100_000), message: Buffer.alloc(1) })
}
