import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Transform } from 'node:stream'
import type { Duplex, TransformCallback } from 'node:stream'
import Hypercore from 'hypercore'
import { Shelf } from '../src/storage/shelf.js'
import { answer, orderOf } from './stage.js'

// A provider's shelf that is filled as fast as it goes, and read from at no more than a given rate.

export interface ShelfOrder {
  folder: string
  /** Bytes a second that leave. */
  limit: number
  cores: { key: string; length: number; byteLength: number }[]
}

/** Lets bytes through at a rate, of all connections together. */
class Limiter {
  readonly #perMs: number
  #free = 0

  constructor(bytesPerSecond: number) {
    this.#perMs = bytesPerSecond / 1000
  }

  stream(): Transform {
    return new Transform({
      highWaterMark: 64 * 1024,
      transform: (chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) => {
        const now = performance.now()
        this.#free = Math.max(this.#free, now) + chunk.byteLength / this.#perMs
        setTimeout(() => done(null, chunk), this.#free - now)
      }
    })
  }
}

const { folder, limit, cores } = orderOf<ShelfOrder>()
const shelf = new Shelf({ folder, margin: 0 })
const id = 'lease'

async function listen(onstream: (stream: Duplex) => void, through: () => Duplex | null): Promise<void> {
  const server = createServer(socket => {
    const raw: Duplex & { noiseStream?: Duplex } = Hypercore.createProtocolStream(false, {
      ondiscoverykey: async key => void (await shelf.serve(key, raw.noiseStream!))
    })
    const slow = through()
    if (slow) raw.pipe(slow).pipe(socket)
    else raw.pipe(socket)
    socket.pipe(raw)
    for (const stream of [raw, socket, raw.noiseStream!]) stream.on('error', () => stream.destroy())
    socket.on('close', () => raw.destroy())
    raw.on('close', () => socket.destroy())
    onstream(raw.noiseStream!)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  answer({ port: (server.address() as AddressInfo).port })
}

await shelf.ready()
await shelf.keep({
  id,
  egressBytes: Number.MAX_SAFE_INTEGER,
  cores: cores.map(core => ({ ...core, key: Buffer.from(core.key, 'hex') }))
})
const uploader = new Promise<Duplex>(resolve => {
  void listen(resolve, () => null)
})
const stream = await uploader
await shelf.attach(id, stream)
await shelf.fetch(id)
answer({ stored: true })
const limiter = new Limiter(limit)
await listen(
  () => undefined,
  () => limiter.stream()
)
