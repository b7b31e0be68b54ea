import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import Corestore from 'corestore'
import crypto from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import { BARE_BLOCK } from './bare-block.js'
import { answerOrders, optionsOf, tell } from '../../test/world/parent.js'

// One end of the baselines: an encrypted Hypercore, a stream of hyperdht and TCP, with the libraries alone.

export interface BareOptions {
  folder: string
  bootstrap: { host: string; port: number }[]
  /** Where it listens for TCP. */
  tcpPort: number
}

/** What an end says of itself: the keys of its two servers, in hex. */
export interface BareEnd {
  cores: string
  bytes: string
}

/** What an end is asked to do; the answer to all but the first is the time that it took, ms. */
export type BareOrder =
  | { do: 'hold'; blocks: number }
  | { do: 'fetch'; core: string; blocks: number; from: string }
  | { do: 'stream'; bytes: number; from: string }
  | { do: 'tcp'; bytes: number; from: { host: string; port: number } }

const AT_ONCE = 16
const PIECE = Buffer.alloc(64 << 10)

const { folder, bootstrap, tcpPort } = optionsOf<BareOptions>()
const dht = new HyperDHT({ bootstrap })
await dht.fullyBootstrapped()
const store = new Corestore(join(folder, 'held'))
await store.ready()
const held = store.get({ name: 'bare', encryption: { key: randomBytes(32) } })
await held.ready()

/** Sends as many bytes as the other side asks for. */
function supply(stream: Duplex): void {
  stream.on('error', () => stream.destroy())
  stream.once('data', async (wanted: Buffer) => {
    for (let left = wanted.readUInt32LE(); left > 0; left -= PIECE.byteLength)
      if (!stream.write(PIECE)) await once(stream, 'drain')
  })
}

/** Time from the request to the last byte, ms. */
async function receive(stream: Duplex, bytes: number): Promise<number> {
  const begun = performance.now()
  const wanted = Buffer.alloc(4)
  wanted.writeUInt32LE(bytes)
  stream.write(wanted)
  let left = bytes
  await new Promise<void>((resolve, reject) => {
    stream.on('data', (piece: Buffer) => (left -= piece.byteLength) <= 0 && resolve())
    stream.once('close', () => reject(new Error('the stream ended early')))
  })
  stream.destroy()
  return performance.now() - begun
}

async function hold(blocks: number): Promise<string> {
  for (let at = held.length; at < blocks; at += AT_ONCE)
    await held.append(Array.from({ length: Math.min(AT_ONCE, blocks - at) }, () => randomBytes(BARE_BLOCK)))
  return held.key.toString('hex')
}

async function dial(key: string): Promise<NoiseStream> {
  const stream = dht.connect(Buffer.from(key, 'hex'))
  await once(stream, 'open')
  return stream
}

/** Time from the first request to the last block, ms. */
async function fetchCore({ core: key, blocks, from }: BareOrder & { do: 'fetch' }): Promise<number> {
  const fetched = join(folder, `fetched-${randomBytes(4).toString('hex')}`)
  const into = new Corestore(fetched)
  const stream = await dial(from)
  stream.on('error', () => stream.destroy())
  try {
    const core = into.get({ key: Buffer.from(key, 'hex') })
    await core.ready()
    core.replicate(stream)
    const done = core.findingPeers()
    await core.update({ wait: true })
    done()
    const begun = performance.now()
    await core.download({ start: 0, end: blocks }).done()
    return performance.now() - begun
  } finally {
    const closed = once(stream, 'close')
    stream.destroy()
    await closed
    await into.close()
    await rm(fetched, { recursive: true, force: true })
  }
}

async function execute(order: BareOrder): Promise<string | number> {
  switch (order.do) {
    case 'hold':
      return hold(order.blocks)
    case 'fetch':
      return fetchCore(order)
    case 'stream':
      return receive(await dial(order.from), order.bytes)
    case 'tcp': {
      const socket = createConnection(order.from)
      await once(socket, 'connect')
      return receive(socket, order.bytes)
    }
  }
}

const [cores, bytes] = [crypto.keyPair(), crypto.keyPair()]
const coreServer = dht.createServer({}, (stream: NoiseStream) => {
  stream.on('error', () => stream.destroy())
  held.replicate(stream)
})
await coreServer.listen(cores)
await dht.createServer({}, supply).listen(bytes)
await once(createServer(supply).listen(tcpPort), 'listening')
answerOrders(execute)
tell({ cores: cores.publicKey.toString('hex'), bytes: bytes.publicKey.toString('hex') } satisfies BareEnd)
