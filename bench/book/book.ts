import { join } from 'node:path'
import Corestore from 'corestore'
import type { GetOptions } from 'corestore'
import Hyperbee from 'hyperbee'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import Hypercore from 'hypercore'
import createTestnet from 'hyperdht/testnet.js'
import { parseKey } from '../../contracts/keys/key.js'
import { checkOrder } from '../../contracts/order.js'
import { setUp } from '../../src/daemon/setup.js'
import { orderRules } from '../../src/book/view/apply.js'
import { bookRange } from '../../src/book/view/keys.js'
import { LightReader } from '../../src/book/light-reader.js'
import { Home } from '../../src/identity/home.js'
import { PLAY_NETWORK } from '../../src/lightning/backends/play/network.js'
import { openNode } from '../../src/node/node.js'
import type { BookOrder, Founded } from './founder.js'
import { median } from '../figure.js'
import type { Bench, Figure } from '../figure.js'
import { Actor, inFolder } from '../stage.js'

const BEST = 20
const READS = 20

/** Time to find the cheapest of very many asks, for a reader with the view and for a new reader. */
export const bookBench: Bench = {
  name: 'book',
  about: 'best 20 of 10,000 orders from the view; time until a newcomer sees them',
  async run({ quick, say }) {
    const orders = quick ? 1000 : 10_000
    const runs = quick ? 1 : 3
    return inFolder(async folder => {
      const net = await createTestnet(3)
      const { bootstrap } = net
      const order: BookOrder = { home: join(folder, 'founder'), bootstrap, orders }
      const founder = new Actor('book/founder', order)
      try {
        const founded = await founder.hear<Founded>()
        say(`${orders} orders were taken onto the book in ${founded.seconds.toFixed(1)} s`)
        const light: number[] = []
        const naive: number[] = []
        const joined: number[] = []
        let local: { best: number; all: number } | null = null
        for (let i = 0; i < runs; i++) {
          light.push(await newcomer(join(folder, `light-${i}`), bootstrap, founded))
          const full = await newcomerInFull(join(folder, `full-${i}`), bootstrap, founded, orders)
          naive.push(full.ms)
          local = full
          joined.push(await member(join(folder, `replica-${i}`), bootstrap, founded))
        }
        const about = `${orders} orders, median of ${runs}`
        const full = `fetching the whole view, verifying and sorting all; ${about}`
        return [
          {
            name: `best ${BEST} of ${orders}`,
            measured: local!.best,
            unit: 'ms',
            baseline: { name: 'reading, verifying and sorting all of the same local view', value: local!.all }
          },
          {
            name: 'newcomer, by light reading',
            measured: median(light),
            unit: 'ms',
            baseline: { name: full, value: median(naive) },
            note: `from dialling a relay to the best ${BEST}, verified`
          },
          {
            name: 'newcomer, joining',
            measured: median(joined),
            unit: 'ms',
            baseline: { name: full, value: median(naive) },
            note: `a running node: market join, in step, the best ${BEST}`
          }
        ] satisfies Figure[]
      } finally {
        await founder.end()
        await net.destroy()
      }
    })
  }
}

const QUERY = { resource: 'storage', network: PLAY_NETWORK, limit: BEST }

/** Runs work on a connection to the founder, with a light reader of its market. */
async function reading<T>(
  folder: string,
  bootstrap: BookOrder['bootstrap'],
  founded: Founded,
  work: (reader: LightReader, view: () => Hypercore) => Promise<T>
): Promise<T> {
  const dht = new HyperDHT({ bootstrap, host: '127.0.0.1' })
  const store = new Corestore(folder)
  await store.ready()
  let view: Hypercore | null = null
  const get = store.get.bind(store)
  store.get = (options: GetOptions | Buffer) => (view = get(options))
  try {
    const stream: NoiseStream = dht.connect(parseKey(founded.device, 'device'))
    stream.on('error', () => stream.destroy())
    Hypercore.createProtocolStream(stream)
    await stream.opened
    const reader = new LightReader({ store, stream, market: parseKey(founded.market, 'market') })
    try {
      return await work(reader, () => view!)
    } finally {
      stream.destroy()
      await reader.close()
    }
  } finally {
    await dht.destroy()
  }
}

async function newcomer(
  folder: string,
  bootstrap: BookOrder['bootstrap'],
  founded: Founded
): Promise<number> {
  const begun = performance.now()
  return reading(folder, bootstrap, founded, async reader => {
    await reader.ready()
    expect((await reader.asks(QUERY)).length, BEST)
    return performance.now() - begun
  })
}

/** Reads the whole book without an index, then reads the complete local copy in both ways. */
async function newcomerInFull(
  folder: string,
  bootstrap: BookOrder['bootstrap'],
  founded: Founded,
  orders: number
): Promise<{ ms: number; best: number; all: number }> {
  const begun = performance.now()
  return reading(folder, bootstrap, founded, async (reader, view) => {
    await reader.ready()
    const core = view()
    await core.download({ start: 0, end: core.length }).done()
    const bee = new Hyperbee(core.session(), {
      extension: false,
      keyEncoding: 'binary',
      valueEncoding: 'binary'
    })
    const market = parseKey(founded.market, 'market')
    const rules = orderRules(market, reader.rules)
    const readAll = async (): Promise<void> => {
      const found: bigint[] = []
      for await (const { value } of bee.createReadStream(bookRange('ask', 'storage', PLAY_NETWORK))) {
        const check = checkOrder(value, rules)
        if (check.ok) found.push(check.verified.order.price)
      }
      expect(found.length, orders)
      found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    }
    await readAll()
    const ms = performance.now() - begun
    const all = await timed(readAll)
    const reads: number[] = []
    for (let i = 0; i < READS; i++) reads.push(await timed(async () => void (await reader.asks(QUERY))))
    await bee.close()
    return { ms, best: median(reads), all }
  })
}

async function member(folder: string, bootstrap: BookOrder['bootstrap'], founded: Founded): Promise<number> {
  await setUp({ home: folder })
  const home = await Home.open(folder)
  const node = await openNode({ home, bootstrap, serve: false })
  try {
    const context = { onProgress: () => undefined, signal: new AbortController().signal }
    const begun = performance.now()
    await node.call('market.join', { key: founded.market }, context)
    const { asks } = await node.call('book', { limit: BEST }, context)
    expect(asks.length, BEST)
    return performance.now() - begun
  } finally {
    await node.close()
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

function expect(found: number, wanted: number): void {
  if (found !== wanted) throw new Error(`${found} orders were read, not ${wanted}`)
}
