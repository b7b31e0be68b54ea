import { join } from 'node:path'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import { formatKey, parseKey } from '../../../contracts/keys/key.js'
import { MarketPeers } from '../../../src/book/peers/market-peers.js'
import { Relaying } from '../../../src/book/relay/relaying.js'
import { SeenDevices } from '../../../src/book/relay/seen-devices.js'
import { setUp } from '../../../src/daemon/setup.js'
import { Home } from '../../../src/identity/home.js'
import type { Address } from '../../../src/network/network.js'
import { openNode } from '../../../src/node/node.js'
import { faultLog } from '../../../test/doubles/fault-log.js'
import { RogueFounder } from '../../../test/parts/book/rogue-founder.js'
import type { Book } from '../../../test/parts/book/rogue-founder.js'
import { quiet } from '../../../test/parts/peers/rogues.js'
import { answer } from '../../stage.js'
import { Doings } from './doings.js'
import { delay } from './ground.js'

// A relay that withholds what it is given and what it has seen, and the founder of a market that shows two views.

export interface MarketRoguesOrder {
  bootstrap: Address[]
  folder: string
  /** That the relay is admitted to. */
  market: string
  /** Devices that are shown two views of another market, half of them each. */
  shownTo: string[]
  nice: number
}

export interface MarketRoguesReady {
  /** Of the relay. */
  device: string
  /** The market of two views. */
  twoViews: string
}

/** How long a view is shown before there is a new one, ms. */
const SHOWN_FOR = 10_000

// It takes every record and keeps it to itself, says of nobody that it has seen it, and announces nothing.
Relaying.prototype.take = () => {
  doings.did('an order withheld')
  return Promise.resolve({ code: 'OK', reason: '' })
}
SeenDevices.prototype.ago = () => {
  doings.did('a sighting withheld')
  return null
}
MarketPeers.prototype.say = () => doings.did('news withheld')

const doings = new Doings<MarketRoguesOrder>()
const { bootstrap, folder, market, shownTo } = doings.order
const dir = join(folder, 'withholding')
await setUp({ home: dir })
const node = await openNode({
  home: await Home.open(dir),
  bootstrap,
  serve: false,
  log: faultLog(doings.goOn)
})
for (let isIn = false; !isIn;) {
  isIn = await node.call('market.join', { key: market }, quiet).then(
    () => true,
    (error: unknown) => (doings.goOn(error), delay(1000).then(() => false))
  )
}

const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
let endings: (() => Promise<void>)[] = []
const founder = await RogueFounder.of({ after: ending => void endings.push(ending) }, async (keyPair, to) => {
  const stream = dht.connect(to, { keyPair })
  stream.on('error', () => undefined)
  if (!(await stream.opened)) throw new Error('no connection')
  return stream
})

/** Shows both books, each to half of the devices, until the time is over. */
async function show(books: Book[]): Promise<void> {
  const streams: NoiseStream[] = []
  const showing = shownTo.map(async (device, i) => {
    streams.push(await founder.show(books[i % books.length]!, parseKey(device)))
    doings.did('a view shown')
  })
  await Promise.race([Promise.all(showing.map(one => one.catch(doings.goOn))), delay(SHOWN_FOR)])
  await delay(SHOWN_FOR)
  for (const stream of streams) stream.destroy()
}

const now = Date.now()
const first = await founder.book([now + 1, now + 2])
answer({ device: node.device, twoViews: formatKey(first.base.key) } satisfies MarketRoguesReady)
endings = []
for (let i = 0; ; i++) {
  const other = await founder.book([now + 1, now + 3 + i])
  await show(i % 2 ? [other, first] : [first, other]).catch(doings.goOn)
  for (const ending of endings) await ending().catch(doings.goOn)
  endings = []
}
