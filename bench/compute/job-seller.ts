import { GIB } from '../../contracts/money/quantity.js'
import { Sandbox } from '../../src/compute/sandbox/sandbox.js'
import { setUp } from '../../src/daemon/setup.js'
import { Home } from '../../src/identity/home.js'
import { openNode } from '../../src/node/node.js'
import { answer, orderOf } from '../stage.js'

// A compute provider; on request it reports when its guests are ready.

export interface JobSellerOrder {
  home: string
  bootstrap: { host: string; port: number }[]
  /** Key of its market; null: it founds a new one. */
  market: string | null
  /** Number of started guests that wait for a job. */
  warm: number
  cores: number
}

export interface JobSold {
  market: string
  device: string
}

/** Price in msat per Tfuel, and base in msat. */
const PRICE = '40000'
const BASE = '1000'

async function sell({ home: dir, bootstrap, market, warm, cores }: JobSellerOrder): Promise<void> {
  await setUp({ home: dir })
  const sandbox = new Sandbox({ warm, nice: 0 })
  const node = await openNode({
    home: await Home.open(dir),
    bootstrap,
    serve: true,
    worker: { openSandbox: () => sandbox }
  })
  const context = { onProgress: () => undefined, signal: new AbortController().signal }
  const { key } = market
    ? await node.call('market.join', { key: market }, context)
    : await node.call('market.create', { name: 'bench' }, context)
  const offer = { cores, memory: 4 * GIB, price: PRICE, baseMsat: BASE, region: '' }
  await node.call('sell.compute', { ...offer, onlyIdle: false, hours: null, allowProcess: true }, context)
  process.on('message', () => void sandbox.warmed().then(() => answer({ warm })))
  answer({ market: key, device: node.device } satisfies JobSold)
}

if (process.argv[2]?.startsWith('{') && process.send) await sell(orderOf<JobSellerOrder>())
