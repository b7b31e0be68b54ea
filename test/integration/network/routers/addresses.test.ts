import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import createTestnet from 'hyperdht/testnet.js'
import type { Testnet } from 'hyperdht/testnet.js'
import { TellingDht } from '../../../../src/network/telling-dht.js'
import { privateNetwork } from './networks.js'

/** The answers of four nodes, as they come from the socket, when the router has a new address. */
function move(dht: TellingDht, { nodes }: Testnet): void {
  for (const { port } of nodes)
    dht._addNodeFromNetwork(true, { id: null, host: '127.0.0.1', port }, { host: '203.0.113.7', port: 9 })
}

test('a node that is seen at another address says so, and announces itself anew', async t => {
  const testnet = await createTestnet(4, { host: '127.0.0.1' })
  t.after(() => testnet.destroy())
  const dht = new TellingDht(
    { bootstrap: testnet.bootstrap, host: '127.0.0.1', firewalled: false },
    { admits: () => true }
  )
  t.after(() => dht.destroy())
  const server = dht.createServer({}, stream => stream.on('error', () => undefined))
  await server.listen(crypto.keyPair())
  assert.equal(dht.host, '127.0.0.1')
  let refreshed = 0
  const refresh = server.refresh.bind(server)
  server.refresh = () => {
    refreshed++
    refresh()
  }
  const moved = once(dht, 'moved')
  const told = once(dht, 'nat-update')
  move(dht, testnet)
  await moved
  assert.deepEqual(await told, ['203.0.113.7', 9])
  assert.equal(refreshed, 1)
  assert.equal(dht.host, '203.0.113.7')
})

test('the topics of a node that moved are announced anew', async t => {
  const { testnet, node } = await privateNetwork(t)
  const network = await node()
  const topic = network.join(crypto.randomBytes(32), { server: true })
  await topic.flushed()
  let refreshed = 0
  const refresh = topic.refresh.bind(topic)
  topic.refresh = options => {
    refreshed++
    return refresh(options)
  }
  const { dht } = (topic as unknown as { discovery: { swarm: { dht: TellingDht } } }).discovery.swarm
  move(dht, testnet)
  assert.equal(refreshed, 1)
})
