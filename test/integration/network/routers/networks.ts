import type { TestContext } from 'node:test'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import type { NoiseStream } from 'hyperdht'
import { Network } from '../../../../src/network/network.js'
import type { NetworkOptions } from '../../../../src/network/network.js'

export interface Private {
  testnet: Testnet
  /** A node that listens, with the key pair that it is known by. */
  node: (options?: Partial<NetworkOptions>) => Promise<Network & { keyPair: KeyPair }>
}

/** A private network, whose nodes are closed after the test. */
export async function privateNetwork(t: TestContext): Promise<Private> {
  const testnet = await createTestnet(4, { host: '127.0.0.1' })
  const nodes: Network[] = []
  t.after(async () => {
    await Promise.all(nodes.map(node => node.close()))
    await testnet.destroy()
  })
  const node = async (options: Partial<NetworkOptions> = {}): Promise<Network & { keyPair: KeyPair }> => {
    const keyPair = options.keyPair ?? crypto.keyPair()
    const network = new Network({ bootstrap: testnet.bootstrap, ...options, keyPair })
    nodes.push(network)
    network.on('connection', (stream: NoiseStream) => stream.on('error', () => undefined))
    await network.ready()
    await network.listen()
    return Object.assign(network, { keyPair })
  }
  return { testnet, node }
}

/** Echoes what comes, as the other side of `answered`. */
export function echo(stream: NoiseStream): void {
  stream.on('data', (bytes: Buffer) => stream.write(bytes))
}
