import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import crypto from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import createTestnet from 'hyperdht/testnet.js'
import { Network } from '../../../../src/network/network.js'
import { areSilent, testReach } from '../../../../src/network/reach/reach-test.js'

const HOST = '127.0.0.1'

interface Place {
  host: string
  port: number
}

/** A port on which nobody answers. */
async function mute(t: TestContext, heard: () => void = () => undefined): Promise<Place> {
  const socket = dgram.createSocket('udp4').bind(0, HOST)
  t.after(() => socket.close())
  socket.on('message', heard)
  await once(socket, 'listening')
  return { host: HOST, port: socket.address().port }
}

/** A node that does not know yet whether others get through to it. */
async function unsure(t: TestContext): Promise<{ dht: HyperDHT; bootstrap: Place[] }> {
  const testnet = await createTestnet(6, { host: HOST })
  const dht = new HyperDHT({ bootstrap: testnet.bootstrap, host: HOST, quickFirewall: false })
  t.after(async () => {
    await dht.destroy()
    await testnet.destroy()
  })
  await dht.fullyBootstrapped()
  assert.ok(dht.firewalled)
  return { dht, bootstrap: testnet.bootstrap }
}

test('a node to which others get through knows it after the test', async t => {
  const { dht } = await unsure(t)
  let found = 0
  await testReach(dht, () => found++)
  assert.deepEqual([dht.firewalled, found], [false, 1])
})

test('a node to which nobody gets through is up before one packet is given up', async t => {
  const { dht } = await unsure(t)
  const { port } = await mute(t)
  // What is sent to where the test is awaited is lost, as at a router.
  dht.io.serverSocket.address = () => ({ port })
  const given = dht.io.stats.requests.timeouts
  let end: () => void = () => undefined
  const ended = new Promise<void>(resolve => (end = resolve))
  await testReach(dht, end)
  assert.equal(dht.io.stats.requests.timeouts, given)
  await ended
  assert.ok(dht.io.stats.requests.timeouts > given, 'the test itself waited for them')
  assert.ok(dht.firewalled)
})

test('a network of which nobody answers is told from one of which somebody does', async t => {
  const { dht, bootstrap } = await unsure(t)
  const nobody = await Promise.all([mute(t), mute(t)])
  assert.equal(await areSilent(dht, nobody), true)
  assert.equal(dht.io.stats.requests.timeouts, 6, 'three packets to each')
  assert.equal(await areSilent(dht, [...nobody, ...bootstrap]), false)
  assert.equal(
    await areSilent(dht, [{ host: 'dht.example', port: 1 }]),
    false,
    'a name takes as long as it takes'
  )
})

test('where nobody answers, a node is up and listens after a few packets, and knows that it is offline', async t => {
  let packets = 0
  const bootstrap = [await mute(t, () => packets++)]
  const network = new Network({ keyPair: crypto.keyPair(), bootstrap, direct: false })
  t.after(() => network.close())
  await network.ready()
  await network.listen()
  assert.equal(network.reachability.reach, 'offline')
  assert.ok(packets > 0 && packets < 10, `${packets} packets`)
})
