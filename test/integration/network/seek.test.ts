import { once } from 'node:events'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import createTestnet from 'hyperdht/testnet.js'
import type { NoiseStream } from 'hyperdht'
import { Network } from '../../../src/network/network.js'

test('a peer that is announced after the first lookup is found', async t => {
  const testnet = await createTestnet(2, { host: '127.0.0.1' })
  t.after(() => testnet.destroy())
  const [keyPair, held] = [crypto.keyPair(), crypto.keyPair()]
  const networks = [keyPair, held].map(keyPair => new Network({ keyPair, bootstrap: testnet.bootstrap }))
  const [seeker, holder] = networks as [Network, Network]
  for (const network of networks) {
    network.on('connection', (stream: NoiseStream) => stream.on('error', () => undefined))
    await network.ready()
    t.after(() => network.close())
  }
  const topic = crypto.randomBytes(32)
  await seeker.join(topic, { server: false }).flushed()
  const end = seeker.seek(topic, 100)
  t.after(end)
  const found = once(seeker, 'connection', { signal: AbortSignal.timeout(20_000) })
  holder.join(topic, { server: true })
  const [stream] = (await found) as [NoiseStream]
  assert.deepEqual(stream.remotePublicKey, held.publicKey)
})
