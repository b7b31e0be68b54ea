import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import Hyperswarm from 'hyperswarm'
import { networkInterfaces } from 'node:os'
import { Network } from '../../../src/network/network.js'
import { BootstrapNode, boundTo, freePort } from '../../../src/daemon/bootstrap-node.js'

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

test('a bootstrap node for other machines is dialled at its address, and others join it', async t => {
  const lan = Object.values(networkInterfaces())
    .flatMap(each => each ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)
  if (!lan) return t.skip('this machine has no network')
  const first = new BootstrapNode({ host: lan.address })
  await first.ready()
  t.after(() => first.close())
  const second = new BootstrapNode({
    host: lan.address,
    bootstrap: [{ host: first.host, port: first.port }]
  })
  await second.ready()
  t.after(() => second.close())
  const network = new Network({ keyPair: crypto.keyPair(), bootstrap: [second] })
  t.after(() => network.close())
  await network.ready()
  // The quick test of hyperdht is won by chance alone on a network of two.
  assert.deepEqual([network.reachability.reach, network.reachability.host], ['public', lan.address])
})

test('an address that this machine does not have is bound to all of them', () => {
  assert.equal(boundTo('203.0.113.77'), '0.0.0.0')
  assert.equal(boundTo('127.0.0.1'), '127.0.0.1')
})

test('a node is reached at the port that was asked for', async t => {
  const node = new BootstrapNode()
  await node.ready()
  t.after(() => node.close())
  const port = await freePort(null)
  const network = new Network({ keyPair: crypto.keyPair(), bootstrap: [node], port })
  t.after(() => network.close())
  await network.ready()
  assert.equal(network.reachability.port, port)
})
