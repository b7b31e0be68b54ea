import { randomBytes } from 'node:crypto'
import Corestore from 'corestore'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import Hyperswarm from 'hyperswarm'
import { KIB } from '../../contracts/money/quantity.js'
import { answer, orderOf } from '../stage.js'

// One end of the baseline: an encrypted Hypercore with the libraries alone, over Hyperswarm on loopback.

export interface BareOrder {
  folder: string
  bootstrap: { host: string; port: number }[]
  blocks: number
  /** The core and the peer to fetch it from; absent at the sender. */
  from?: { core: string; peer: string }
}

const BLOCK = 256 * KIB
const AT_ONCE = 16

const { folder, bootstrap, blocks, from } = orderOf<BareOrder>()
const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
const swarm = new Hyperswarm({ dht })
const store = new Corestore(folder)
await store.ready()

if (from) {
  const core = store.get({ key: Buffer.from(from.core, 'hex') })
  await core.ready()
  swarm.on('connection', (stream: NoiseStream) => core.replicate(stream))
  swarm.joinPeer(Buffer.from(from.peer, 'hex'))
  const done = core.findingPeers()
  await core.update({ wait: true })
  done()
  const begun = performance.now()
  await core.download({ start: 0, end: blocks }).done()
  answer({ ms: performance.now() - begun })
} else {
  const core = store.get({ name: 'bare', encryption: { key: randomBytes(32) } })
  await core.ready()
  for (let at = 0; at < blocks; at += AT_ONCE) {
    await core.append(Array.from({ length: Math.min(AT_ONCE, blocks - at) }, () => randomBytes(BLOCK)))
  }
  swarm.on('connection', (stream: NoiseStream) => core.replicate(stream))
  await swarm.listen()
  answer({ core: core.key.toString('hex'), peer: swarm.keyPair.publicKey.toString('hex') })
}
