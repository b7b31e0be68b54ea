/**
 * A child process with a node that has a core and replicates it with every peer. Tells its address and, for each connection, why it ended and how many pages its peer had made it
 * hold.
 */
import { join } from 'node:path'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import { attachCore, openStore } from '../../../src/network/cores.js'
import { Network } from '../../../src/network/network.js'
import type { Address } from '../../../src/network/network.js'
import { endWithTest, optionsOf, tell } from '../../world/parent.js'
import { pagesOf } from './pages.js'

const { bootstrap, folder } = optionsOf<{ bootstrap: Address[]; folder: string }>()
endWithTest()
const store = openStore(join(folder, 'store'))
const core = store.get({ name: 'core' })
await core.append(Array.from({ length: 64 }, (_, i) => Buffer.from(`block ${i}`)))
const keyPair = crypto.keyPair()
const network = new Network({
  keyPair,
  bootstrap
})
network.on('connection', (stream: NoiseStream) => {
  let why = ''
  let pages = 0
  stream.on('error', error => {
    why = error.message
    pages = pagesOf(core, stream)
  })
  stream.once('close', () => tell({ ended: stream.remotePublicKey.toString('hex'), why, pages }))
  attachCore(core, stream)
})
await network.ready()
await network.listen()
tell({ device: keyPair.publicKey.toString('hex'), core: core.key.toString('hex') })
