/**
 * A child process with a peer that requests far more than it reads: it connects, sends all of its requests,
 * and stops itself as soon as they have arrived. Arguments: bootstrap (JSON), device, core (hex), what it
 * requests, how often.
 */
import { join } from 'node:path'
import { attachCore, openStore } from '../../../src/network/cores.js'
import { Network } from '../../../src/network/network.js'
import { lightningId, person } from '../../samples/people.js'
import { RawPeer, Side } from '../deal/sides.js'

const [bootstrap, device, key, asked, count, folder] = process.argv.slice(2) as [
  string,
  string,
  string,
  'audits' | 'blocks',
  string,
  string
]
const [one] = await person()
const self = { ...one!, lightning: lightningId(), network: 'play-1' }
const addresses = JSON.parse(bootstrap) as { host: string; port: number }[]
const network = new Network({ keyPair: self.device, bootstrap: addresses })
await network.ready()
const stream = await network.connect(Buffer.from(device, 'hex'), 10_000)

if (asked === 'audits') {
  const rawPeer = new RawPeer(new Side(self, folder, addresses), stream)
  await rawPeer.greet()
  const audit = { seal: Buffer.alloc(32), nonce: Buffer.alloc(32), blocks: [] }
  for (let i = 0; i < Number(count); i++)
    rawPeer.send('audit', rawPeer.wrap('audit', audit)).catch(() => undefined) // it stops long before
} else {
  const store = openStore(join(folder, 'flooder'))
  const core = store.get({ key: Buffer.from(key, 'hex') })
  await core.ready()
  attachCore(core, stream)
  await core.update({ wait: true })
  const [peer] = core.core.replicator.peers as { wireRequest: { send(request: object): void } }[]
  for (let i = 0; i < Number(count); i++)
    peer!.wireRequest.send({ id: 1000 + i, fork: 0, block: { index: 0, nodes: 0 }, priority: 0 })
}
await (stream as unknown as { flush(): Promise<boolean> }).flush()
process.kill(process.pid, 'SIGSTOP')
