/**
 * A child process with a peer that requests far more than it reads: it connects, sends all of its requests,
 * and stops itself as soon as they have arrived.
 */
import { join } from 'node:path'
import { attachCore, openStore } from '../../../src/network/cores.js'
import { Network } from '../../../src/network/network.js'
import type { Address } from '../../../src/network/network.js'
import { optionsOf } from '../../world/parent.js'
import { lightningId, person } from '../../samples/people.js'
import { RawPeer, Side } from '../../parts/deal/sides.js'

export interface FloodOptions {
  bootstrap: Address[]
  device: string
  /** Of a core, hex. */
  key: string
  asked: 'audits' | 'blocks'
  count: number
  folder: string
}

const { bootstrap, device, key, asked, count, folder } = optionsOf<FloodOptions>()
const [one] = await person()
const self = { ...one!, lightning: lightningId(), network: 'play-1' }
const network = new Network({ keyPair: self.device, bootstrap })
await network.ready()
const stream = await network.connect(Buffer.from(device, 'hex'), 10_000)

if (asked === 'audits') {
  const rawPeer = new RawPeer(new Side(self, folder, bootstrap), stream)
  await rawPeer.greet()
  const audit = { seal: Buffer.alloc(32), nonce: Buffer.alloc(32), blocks: [] }
  for (let i = 0; i < count; i++) rawPeer.send('audit', rawPeer.wrap('audit', audit)).catch(() => undefined) // it stops long before
} else {
  const store = openStore(join(folder, 'flooder'))
  const core = store.get({ key: Buffer.from(key, 'hex') })
  await core.ready()
  attachCore(core, stream)
  await core.update({ wait: true })
  const [peer] = core.core.replicator.peers as { wireRequest: { send(request: object): void } }[]
  for (let i = 0; i < count; i++)
    peer!.wireRequest.send({ id: 1000 + i, fork: 0, block: { index: 0, nodes: 0 }, priority: 0 })
}
await (stream as unknown as { flush(): Promise<boolean> }).flush()
process.kill(process.pid, 'SIGSTOP')
