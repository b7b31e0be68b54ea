import { once } from 'node:events'
import crypto from 'hypercore-crypto'
import IdentityKey from 'keet-identity-key'
import { encode } from '../../contracts/schema/codec.js'
import { parseKey } from '../../contracts/keys/key.js'
import { SIDE, signOrder } from '../../contracts/order.js'
import { DAY, GIB, HOUR } from '../../contracts/money/quantity.js'
import type { Market } from '../../src/book/market.js'
import { setUp } from '../../src/daemon/setup.js'
import { Home } from '../../src/identity/home.js'
import { PLAY_NETWORK } from '../../src/lightning/backends/play/network.js'
import { openNode } from '../../src/node/node.js'
import { answer, orderOf } from '../stage.js'

// Founds a market and fills it through the gate, like any relay.

export interface BookOrder {
  home: string
  bootstrap: { host: string; port: number }[]
  orders: number
}

export interface Founded {
  market: string
  device: string
  /** Time to accept all orders. */
  seconds: number
}

const AT_ONCE = 200
const PER_IDENTITY = 1000

async function fill(market: Market, count: number): Promise<void> {
  const created = Date.now()
  let author = await newAuthor()
  let records: Promise<void>[] = []
  for (let i = 0; i < count; i++) {
    if (i % PER_IDENTITY === 0 && i > 0) author = await newAuthor()
    const order = {
      market: market.key,
      nonce: crypto.randomBytes(32),
      revision: 1,
      side: SIDE.ask,
      resource: 'storage',
      network: PLAY_NETWORK,
      // shuffled prices, so that the order of arrival does not matter
      price: 1_000_000n + BigInt((i * 7919) % count) * 1024n,
      created,
      expires: created + 20 * DAY,
      withdrawn: false,
      identity: author.identity,
      device: author.device.publicKey,
      body: encode('storage-ask', {
        space: 100 * GIB,
        minTime: HOUR,
        maxTime: 365 * DAY,
        minChargeMsat: 0n,
        region: 'eu'
      })
    }
    const record = await signOrder(order, author, market.stampFor(order))
    records.push(market.submit(record).then(() => undefined))
    if (records.length < AT_ONCE && i + 1 < count) continue
    await Promise.all(records)
    records = []
  }
  // a reader that has not joined sees only signed data
  while (market.unsigned > 0) await once(market, 'update')
}

async function newAuthor(): Promise<{
  identity: Buffer
  device: ReturnType<typeof crypto.keyPair>
  proof: Buffer
}> {
  const key = await IdentityKey.from({ mnemonic: IdentityKey.generateMnemonic() })
  const device = crypto.keyPair()
  return { identity: key.identityPublicKey, device, proof: await key.bootstrap(device.publicKey) }
}

const { home: dir, bootstrap, orders } = orderOf<BookOrder>()
await setUp({ home: dir })
const node = await openNode({ home: await Home.open(dir), bootstrap, serve: true })
const context = { onProgress: () => undefined, signal: new AbortController().signal }
const rules = { stampBits: 0, maxOrdersPerIdentity: PER_IDENTITY }
const { key } = await node.call('market.create', { name: 'bench', rules }, context)
const begun = performance.now()
await fill(node.books.get(parseKey(key, 'market'))!, orders)
answer({ market: key, device: node.device, seconds: (performance.now() - begun) / 1000 } satisfies Founded)
