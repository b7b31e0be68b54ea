import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import type HyperDHT from 'hyperdht'
import { turn } from '../../../doubles/manual-clock.js'
import { privateNetwork } from './networks.js'

test('a device that has answered is waited for longer, and then the routers are to blame', async t => {
  const { node } = await privateNetwork(t)
  const [seller, buyer] = [await node({ direct: false }), await node({ direct: false, punchesFor: 4000 })]
  await assert.rejects(buyer.connect(seller.keyPair.publicKey, 2000), {
    code: 'PEER_UNREACHABLE',
    message: /answered, but no way through the routers was found in 4 s/
  })
})

test('whoever is given up is dialled no more, for hyperdht punches for one at a time', async t => {
  const { node } = await privateNetwork(t)
  const buyer = await node({ direct: false })
  const stop = new AbortController()
  const dial = buyer.connect(crypto.keyPair().publicKey, 10_000, { signal: stop.signal })
  assert.equal(buyer.dialling, 1)
  stop.abort(new Error('not wanted any more'))
  await assert.rejects(dial, /not wanted any more/)
  await turn()
  assert.equal(buyer.dialling, 0)
})

test('a device that nobody knows is given up in the time that was asked for', async t => {
  const { node } = await privateNetwork(t)
  const buyer = await node({ direct: false, punchesFor: 600_000 })
  await assert.rejects(buyer.connect(crypto.keyPair().publicKey, 1000), {
    message: /did not answer in 1 s/
  })
})

test('a way through that is found late still counts', async t => {
  const { node } = await privateNetwork(t)
  const relay = await node()
  const seller = await node({ direct: false })
  const buyer = await node({ direct: false, punchesFor: 20_000 })
  const forwarder = await relay.forward(() => Promise.resolve(true))
  const dial = buyer.connect(seller.keyPair.publicKey, 1500)
  const late = setTimeout(() => seller.useForwarders(() => [forwarder]), 2500)
  t.after(() => clearTimeout(late))
  const stream = await dial
  assert.deepEqual(stream.remotePublicKey, seller.keyPair.publicKey)
})

test('a connection that opens and says nothing is dialled again', async t => {
  const { node, testnet } = await privateNetwork(t)
  const buyer = await node()
  const [keyPair, seller] = [crypto.keyPair(), testnet.createNode()]
  let opened = 0
  const createRawStream = seller.createRawStream.bind(seller)
  // What it sends over the first connection is lost.
  seller.createRawStream = options => {
    const raw = createRawStream(options) as ReturnType<HyperDHT['createRawStream']> & {
      write: (bytes: Buffer) => boolean
    }
    if (opened++ === 0) raw.write = () => true
    return raw
  }
  const server = seller.createServer({}, stream => {
    stream.on('error', () => undefined)
    stream.on('data', bytes => stream.write(bytes))
  })
  await server.listen(keyPair)
  const stream = await buyer.connect(keyPair.publicKey, 10_000)
  assert.equal(opened, 2)
  stream.write('are you there?')
  const [answer] = (await once(stream, 'data')) as [Buffer]
  assert.equal(answer.toString(), 'are you there?')
})
