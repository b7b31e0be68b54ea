import assert from 'node:assert/strict'
import { test } from 'node:test'
import { privateNetwork } from './networks.js'

test('two nodes whose routers let nothing in meet through a relay that knows one of them', async t => {
  const { node } = await privateNetwork(t)
  const relay = await node()
  const seller = await node({ direct: false })
  const buyer = await node({ direct: false })
  const forwarder = await relay.forward(async device => device.equals(seller.keyPair.publicKey))
  seller.useForwarders(() => [forwarder])

  const stream = await buyer.connect(seller.keyPair.publicKey, 10_000)
  assert.deepEqual(stream.remotePublicKey, seller.keyPair.publicKey)
  assert.equal(relay.forwarding!.pairs, 1)
  assert.equal(seller.forwarded, 1)
})
