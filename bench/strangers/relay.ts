import { join } from 'node:path'
import crypto from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { Books } from '../../src/book/books.js'
import { serveCores } from './serve-cores.js'
import { answer, orderOf } from '../stage.js'

// The founder of a market, which takes orders from strangers and tells what they cost it.

export interface RelayOrder {
  folder: string
  bootstrap: { host: string; port: number }[]
}

export interface RelayReady {
  market: string
  device: string
}

export interface RelayCost {
  /** Processor time since it was ready, ms. */
  cpu: number
  /** Growth of its files since then. */
  bytes: number
  accepted: number
}

const { folder, bootstrap } = orderOf<RelayOrder>()
const device = crypto.keyPair()
const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
const books = new Books({ dir: join(folder, 'books'), device })
await books.ready()
const market = await books.found({ name: 'bench', rules: { maxOrdersPerIdentity: 1000 } })
const server = dht.createServer({}, stream => {
  stream.on('error', () => stream.destroy())
  books.attach(stream)
  serveCores(books, stream)
})
await server.listen(device)

async function sizeOf(path: string): Promise<number> {
  let sum = 0
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      sum += (await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size
  return sum
}

async function settle(): Promise<void> {
  while (market.unsigned > 0) await once(market, 'update')
}

await settle()
let begun = process.cpuUsage()
let size = await sizeOf(folder)
let accepted = market.stats.accepted
process.on('message', async (what: string) => {
  if (what === 'tell') await settle()
  const { user, system } = process.cpuUsage(begun)
  const grown = await sizeOf(folder)
  answer({
    cpu: (user + system) / 1000,
    bytes: grown - size,
    accepted: market.stats.accepted - accepted
  } satisfies RelayCost)
  begun = process.cpuUsage()
  size = grown
  accepted = market.stats.accepted
})
answer({
  market: market.key.toString('hex'),
  device: device.publicKey.toString('hex')
} satisfies RelayReady)
