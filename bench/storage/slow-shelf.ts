import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Transform } from 'node:stream'
import type { Duplex, TransformCallback } from 'node:stream'
import Hypercore from 'hypercore'
import { LeaseShelf } from '../../src/storage/shelf/lease-shelf.js'
import { answer, orderOf } from '../stage.js'

// A provider's shelf with unlimited upload to it and limited download from it.

export interface ShelfOrder {
  folder: string
  /** Download rate, bytes per second. */
  limit: number
  cores: { key: string; length: number; byteLength: number }[]
}

/** Bytes sent at once, and the longest pause that may be caught up. */
const SLICE = 16 * 1024
const BURST_MS = 20

/** Passes bytes at a fixed rate, like a shaped link. */
class Limiter extends Transform {
  readonly #perMs: number
  /** Time when the link is free again. */
  #free = 0

  constructor(bytesPerSecond: number) {
    super({ highWaterMark: SLICE })
    this.#perMs = bytesPerSecond / 1000
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const next = (from: number): void => {
      if (from >= chunk.byteLength) return done()
      const listed = chunk.subarray(from, from + SLICE)
      const now = performance.now()
      this.#free = Math.max(this.#free, now - BURST_MS) + listed.byteLength / this.#perMs
      const pass = (): void => {
        this.push(listed)
        next(from + SLICE)
      }
      if (this.#free - now < 1) setImmediate(pass)
      else setTimeout(pass, this.#free - now)
    }
    next(0)
  }
}

const { folder, limit, cores } = orderOf<ShelfOrder>()
const shelf = new LeaseShelf({ folder, margin: 0 })
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
await listen(
  () => undefined,
  () => new Limiter(limit)
)
