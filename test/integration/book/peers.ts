import { mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KeyPair } from 'hypercore-crypto'
import type HyperDHT from 'hyperdht'
import type { NoiseStream, Server } from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import Protomux from 'protomux'
import { Books } from '../../../src/book/books.js'
import type { Market } from '../../../src/book/market.js'
import { person } from '../../samples/orders.js'
import type { Person } from '../../samples/orders.js'
import { faultLog } from '../../doubles/fault-log.js'

/** A node of the test: a person, its books on disk, and its connections. */
export interface Peer extends Person {
  books: Books
  dir: string
  streams: Set<NoiseStream>
  now: () => number
  dht: HyperDHT
  server: Server
  faults: unknown[]
}

/** A private DHT and the peers on it; `close` closes all of them. */
export class PeerGroup {
  readonly #testnet: Testnet
  readonly #peers: Peer[] = []
  #strangers: HyperDHT | null = null

  private constructor(testnet: Testnet) {
    this.#testnet = testnet
  }

  static async build(): Promise<PeerGroup> {
    return new PeerGroup(await createTestnet(2, { host: '127.0.0.1' }))
  }

  async peer({ now = Date.now } = {}): Promise<Peer> {
    const who = await person()
    const dir = await mkdtemp(join(tmpdir(), 'bushel-book-'))
    const dht = this.#testnet.createNode({ firewalled: false })
    const peer: Peer = { ...who, dir, dht, now, streams: new Set(), faults: [] } as never
    peer.server = dht.createServer({}, stream => meet(peer, stream))
    await peer.server.listen(who.device)
    await this.open(peer)
    this.#peers.push(peer)
    return peer
  }

  /** Opens the books of a peer, as a start of its process does. */
  async open(peer: Peer): Promise<void> {
    peer.books = new Books({
      dir: peer.dir,
      device: peer.device,
      now: peer.now,
      log: faultLog(error => peer.faults.push(error))
    })
    await peer.books.ready()
  }

  /** Disconnects a peer and closes its books. */
  async stop(peer: Peer): Promise<void> {
    await this.cut(peer)
    await peer.books.close()
  }

  async connect(a: Peer, b: Peer): Promise<NoiseStream> {
    const stream = a.dht.connect(b.device.publicKey, { keyPair: a.device })
    await stream.opened
    meet(a, stream)
    return stream
  }

  /** A connection to a peer from a device that keeps no books. */
  async rawConnection(device: KeyPair, to: Buffer): Promise<NoiseStream> {
    const stream = this.#stranger().connect(to, { keyPair: device })
    stream.on('error', () => undefined)
    await stream.opened
    return stream
  }

  #stranger(): HyperDHT {
    this.#strangers ??= this.#testnet.createNode({ firewalled: false })
    return this.#strangers
  }

  /** Ends the connections of a peer; resolves when the other ends are closed too. */
  async cut(peer: Peer): Promise<void> {
    const far = this.#peers
      .flatMap(other => [...other.streams])
      .filter(stream => stream.remotePublicKey.equals(peer.device.publicKey))
    await Promise.all(
      [...peer.streams, ...far].map(async stream => {
        stream.destroy()
        if (!stream.closed) await once(stream, 'close')
      })
    )
  }

  async close(): Promise<void> {
    for (const peer of this.#peers) await this.cut(peer)
    for (const peer of this.#peers) {
      await peer.books.close()
      await peer.dht.destroy()
      await rm(peer.dir, { recursive: true })
    }
    await this.#strangers?.destroy()
    await this.#testnet.destroy()
  }
}

function meet(peer: Peer, stream: NoiseStream): void {
  stream.on('error', () => undefined)
  peer.streams.add(stream)
  stream.once('close', () => peer.streams.delete(stream))
  peer.books.attach(stream)
  // A node asks its rooms for each requested core.
  Protomux.from(stream).pair({ protocol: 'hypercore/alpha' }, async discoveryKey => {
    if (discoveryKey) await peer.books.serve(discoveryKey, stream)
  })
}

/** Resolves when the condition holds; checks it at each update of the market's view. */
export async function until(market: Market, holds: () => Promise<boolean> | boolean): Promise<void> {
  await untilAny([market], holds)
}

/** Like `until`, for several markets. */
export async function untilAny(markets: Market[], holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + 60_000
  for (;;) {
    // A plain timer: Node 20 may collect what AbortSignal.any() stands on, and then it never fires.
    const over = new AbortController()
    const late = setTimeout(
      () => over.abort(new Error('the condition does not hold in time')),
      end - Date.now()
    )
    const { signal } = over
    const changed = Promise.race(markets.map(market => once(market, 'update', { signal })))
    try {
      if (await holds()) return
      await changed
    } finally {
      clearTimeout(late)
      changed.catch(() => undefined)
      over.abort()
    }
  }
}
