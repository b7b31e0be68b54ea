import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import crypto from 'hypercore-crypto'
import createTestnet from 'hyperdht/testnet.js'
import type { NoiseStream } from 'hyperdht'
import Hyperswarm from 'hyperswarm'
import { TellingDht } from '../../../src/network/telling-dht.js'

test('a stranger that begins connections too often gets none, and is not banned', async t => {
  const testnet = await createTestnet(2, { host: '127.0.0.1' })
  t.after(() => testnet.destroy())
  const asked: string[] = []
  let open = false
  const dht = new TellingDht(
    { bootstrap: testnet.bootstrap, host: '127.0.0.1', firewalled: false },
    {
      admits: (_, host) => {
        asked.push(host)
        return open
      }
    }
  )
  const swarm = new Hyperswarm({ keyPair: crypto.keyPair(), dht })
  t.after(() => swarm.destroy())
  swarm.on('connection', (stream: NoiseStream) => stream.on('error', () => undefined))
  await swarm.listen()
  const strangers = testnet.createNode({ firewalled: false })
  const keyPair = crypto.keyPair()
  const dial = (): NoiseStream => {
    const stream = strangers.connect(swarm.keyPair.publicKey, { keyPair })
    stream.on('error', () => undefined)
    return stream
  }

  assert.equal(await dial().opened, false)
  assert.deepEqual([...new Set(asked)], ['127.0.0.1'])
  open = true
  const [connected] = (await Promise.all([once(swarm, 'connection'), dial().opened]))[0] as [NoiseStream]
  assert.deepEqual(connected.remotePublicKey, keyPair.publicKey)
})
