import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import Hyperswarm from 'hyperswarm'
import { BootstrapNode, freePort } from '../../../src/daemon/bootstrap-node.js'

test('two peers find each other by topic through one bootstrap node alone', async t => {
  const node = new BootstrapNode()
  await node.ready()
  const bootstrap = [{ host: node.host, port: node.port }]
  const swarms = [0, 1].map(() => {
    const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
    const swarm = new Hyperswarm({ dht })
    swarm.on('connection', (stream: NoiseStream) => stream.on('error', () => undefined)) // the other swarm ends first
    return swarm
  })
  t.after(async () => {
    for (const swarm of swarms) await swarm.destroy() // they withdraw their announcements while the DHT still runs
    await node.close()
  })
  const [seller, buyer] = swarms as [Hyperswarm, Hyperswarm]
  const topic = crypto.randomBytes(32)
  await seller.join(topic, { server: true, client: false }).flushed()
  const met = once(buyer, 'connection', { signal: AbortSignal.timeout(15_000) })
  buyer.join(topic, { server: false, client: true })
  const [stream] = (await met) as [NoiseStream]
  assert.deepEqual(stream.remotePublicKey, seller.keyPair.publicKey)
})

test('the bootstrap node serves on the requested port and says when it is taken', async t => {
  const port = await freePort(null)
  const node = new BootstrapNode({ port })
  await node.ready()
  t.after(() => node.close())
  assert.equal(node.port, port)
  const second = new BootstrapNode({ port })
  await assert.rejects(second.ready(), {
    code: 'PORT_IN_USE',
    exit: 2,
    message: new RegExp(`${port}.*in use`)
  })
})
