import { once } from 'node:events'
import { createSocket } from 'node:dgram'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import crypto from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import { TellingDht } from '../../../../src/network/telling-dht.js'
import { Network } from '../../../../src/network/network.js'

const HOST = '127.0.0.1'

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, HOST)
  await once(socket, 'listening')
  const { port } = socket.address()
  await new Promise<void>(resolve => socket.close(() => resolve()))
  return port
}

/** The only node of a network. */
async function openNetwork(t: TestContext, port: number): Promise<void> {
  const node = HyperDHT.bootstrapper(port, HOST, { host: HOST })
  t.after(() => node.destroy())
  await node.fullyBootstrapped()
}

test('a node whose network answered nobody while it announced itself is found soon afterwards', async t => {
  const bootstrap = [{ host: HOST, port: await freePort() }]
  const dht = new TellingDht({ bootstrap, host: HOST, firewalled: false }, { admits: () => true })
  t.after(() => dht.destroy())
  const keyPair = crypto.keyPair()
  await dht.createServer({}, stream => stream.on('error', () => undefined)).listen(keyPair)
  await openNetwork(t, bootstrap[0]!.port)
  const other = new Network({ keyPair: crypto.keyPair(), bootstrap })
  t.after(() => other.close())
  await other.ready()
  await other.connect(keyPair.publicKey, 60_000)
})
