import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import createTestnet from 'hyperdht/testnet.js'
import { TellingDht } from '../../../../src/network/telling-dht.js'

/** The command of hyperdht. */
const ANNOUNCE = 4

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
  // The answers of four nodes, as they come from the socket, when the router has a new address.
  for (const node of testnet.nodes)
    dht._addNodeFromNetwork(
      true,
      { id: null, host: '127.0.0.1', port: node.port },
      { host: '203.0.113.7', port: 9 }
    )
  await moved
  assert.deepEqual(await told, ['203.0.113.7', 9])
  assert.equal(refreshed, 1)
  assert.equal(dht.host, '203.0.113.7')
})

test('the announcements of a node that moved are sent again without waiting for their turn', async t => {
  const testnet = await createTestnet(4, { host: '127.0.0.1' })
  t.after(() => testnet.destroy())
  const dht = new TellingDht(
    { bootstrap: testnet.bootstrap, host: '127.0.0.1', firewalled: false },
    { admits: () => true }
  )
  t.after(() => dht.destroy())
  const server = dht.createServer({}, stream => stream.on('error', () => undefined))
  await server.listen(crypto.keyPair())
  const inner = dht as unknown as { request: (asked: { command: number }, to: object) => Promise<object> }
  const request = inner.request.bind(dht)
  const announced = new Promise<void>(resolve => {
    inner.request = (asked, to) => {
      if (asked.command === ANNOUNCE) resolve()
      return request(asked, to)
    }
  })
  for (const node of testnet.nodes)
    dht._addNodeFromNetwork(
      true,
      { id: null, host: '127.0.0.1', port: node.port },
      { host: '203.0.113.7', port: 9 }
    )
  await announced // every five minutes otherwise
})
