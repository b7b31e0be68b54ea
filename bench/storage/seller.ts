import { randomBytes } from 'node:crypto'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import ProtomuxRPC from 'protomux-rpc'
import { DAY, GIB, HOUR } from '../../contracts/money/quantity.js'
import { setUp } from '../../src/daemon/setup.js'
import { Home } from '../../src/identity/home.js'
import { openNode } from '../../src/node/node.js'
import { answer, orderOf } from '../stage.js'

// A provider in its own market; it also echoes bytes and issues bare invoices on request.

export interface SellerOrder {
  home: string
  bootstrap: { host: string; port: number }[]
}

export interface Sold {
  market: string
  device: string
  ask: string
  price: string
}

export const ECHO = 'bushel-bench/echo'
const PRICE = 120n * 1024n * 1000n

async function sell({ home: dir, bootstrap }: SellerOrder): Promise<void> {
  await setUp({ home: dir })
  const node = await openNode({ home: await Home.open(dir), bootstrap, serve: true })
  const context = { onProgress: () => undefined, signal: new AbortController().signal }
  const { key } = await node.call('market.create', { name: 'bench' }, context)
  const price = PRICE.toString()
  const offer = { space: 4 * GIB, price, minTime: HOUR, maxTime: 400 * DAY, region: '' }
  const { id } = await node.call('sell.storage', offer, context)
  node.network.on('connection', (stream: NoiseStream) => serveEcho(stream))
  const { wallet } = await node.trade()
  process.on('message', (message: { msat: string }) => {
    const invoice = {
      preimage: randomBytes(32),
      msat: BigInt(message.msat),
      description: 'bench',
      expirySeconds: 3600
    }
    void wallet.issue(invoice).then(invoice => answer({ invoice }))
  })
  answer({ market: key, device: node.device, ask: id, price } satisfies Sold)
}

/** Answers every echo channel on the connection. */
function serveEcho(stream: NoiseStream): void {
  Protomux.from(stream).pair({ protocol: ECHO }, () => {
    if (stream.destroyed) return
    new ProtomuxRPC(stream, { protocol: ECHO }).respond('echo', async value => value)
  })
}

// also imported for its name
if (process.argv[2]?.startsWith('{') && process.send) await sell(orderOf<SellerOrder>())
