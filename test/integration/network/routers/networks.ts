import type { TestContext } from 'node:test'
import { Client, token } from 'blind-relay'
import type { Request } from 'blind-relay'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import type HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import { Network } from '../../../../src/network/network.js'
import type { NetworkOptions } from '../../../../src/network/network.js'

export type Known = Network & { keyPair: KeyPair }

export interface PrivateNetwork {
  testnet: Testnet
  /** A node that listens, with the key pair that it is known by. */
  node: (options?: Partial<NetworkOptions>) => Promise<Known>
}

/** A private network, whose nodes are closed after the test. */
export async function privateNetwork(t: TestContext): Promise<PrivateNetwork> {
  const testnet = await createTestnet(4, { host: '127.0.0.1' })
  const nodes: Network[] = []
  t.after(async () => {
    await Promise.all(nodes.map(node => node.close()))
    await testnet.destroy()
  })
  const node = async (options: Partial<NetworkOptions> = {}): Promise<Known> => {
    const keyPair = options.keyPair ?? crypto.keyPair()
    const network = new Network({ bootstrap: testnet.bootstrap, punchesFor: 1500, ...options, keyPair })
    nodes.push(network)
    network.on('connection', (stream: NoiseStream) => stream.on('error', () => undefined))
    await network.ready()
    await network.listen()
    return Object.assign(network, { keyPair })
  }
  return { testnet, node }
}

/** Asks a forwarder for pairs, as hyperdht does. */
export class Guest {
  readonly stream: NoiseStream
  /** Resolves when it is open, or closed without having been. */
  readonly opened: Promise<void>
  readonly closed: Promise<void>
  readonly #client: Client
  readonly #dht: HyperDHT

  constructor(dht: HyperDHT, forwarder: Buffer, keyPair = crypto.keyPair()) {
    this.#dht = dht
    this.stream = dht.connect(forwarder, { keyPair })
    this.stream.on('error', () => undefined)
    this.closed = new Promise(resolve => this.stream.once('close', () => resolve()))
    this.opened = Promise.race([this.stream.opened.then(() => undefined), this.closed])
    this.#client = Client.from(this.stream, { id: this.stream.publicKey })
  }

  /** Resolves to the request once the pair is made, to null when it is refused. */
  async pair(isInitiator: boolean, shared = token()): Promise<Request | null> {
    const request = this.#client.pair(isInitiator, shared, this.#dht.createRawStream({ framed: true }))
    return await new Promise(resolve => {
      request.on('data', () => resolve(request))
      request.on('error', () => resolve(null))
      void this.closed.then(() => resolve(null))
    })
  }
}
