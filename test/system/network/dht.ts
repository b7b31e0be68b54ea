import HyperDHT from 'hyperdht'
import { optionsOf, tell } from '../../world/parent.js'

/** A private DHT: one node on each of these addresses, which must be this machine's. */
const { hosts, port } = optionsOf<{ hosts: string[]; port: number }>()
const [first, ...others] = hosts
await HyperDHT.bootstrapper(port, first!, { host: first! }).fullyBootstrapped()
const bootstrap = [{ host: first!, port }]
for (const host of others)
  await new HyperDHT({ bootstrap, host, port, firewalled: false, ephemeral: false }).fullyBootstrapped()
tell({ ready: true })
