import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import Hypercore from 'hypercore'

/** Serves cores by discovery key over a connection. */
export interface Server {
  serve(discoveryKey: Buffer, stream: Duplex): Promise<boolean>
}

export interface Wire {
  /** The two ends, as a node gets them from the swarm. */
  ends: [Duplex, Duplex]
  cut(): Promise<void>
}

/**
 * An encrypted connection inside this process with a server at each end; `link` may slow the bytes between.
 */
export function connect(a: Server | null, b: Server | null, link: () => Duplex[] = () => []): Wire {
  const raw = [a, b].map((server, i) => {
    const stream: Duplex & { noiseStream?: Duplex } = Hypercore.createProtocolStream(i === 0, {
      ondiscoverykey: async key => {
        await server?.serve(key, stream.noiseStream!)
      }
    })
    return stream
  }) as [Duplex & { noiseStream: Duplex }, Duplex & { noiseStream: Duplex }]
  const chain = (from: Duplex, to: Duplex): void => {
    let at = from
    for (const through of link()) at = at.pipe(through)
    at.pipe(to)
  }
  chain(raw[0], raw[1])
  chain(raw[1], raw[0])
  for (const stream of raw) {
    stream.on('error', () => undefined) // a cut connection is part of the tests
    stream.noiseStream.on('error', () => undefined)
  }
  return {
    ends: [raw[0].noiseStream, raw[1].noiseStream],
    async cut() {
      const closed = raw.map(
        stream => stream.destroyed || new Promise(resolve => stream.noiseStream.once('close', resolve))
      )
      for (const stream of raw) stream.destroy()
      await Promise.all(closed)
    }
  }
}

const endings = new WeakMap<TestContext, (() => unknown)[]>()

/** Runs work after the test, the last registered first. */
export function atEnd(t: TestContext, work: () => unknown): void {
  const known = endings.get(t)
  if (known) {
    known.push(work)
    return
  }
  const works = [work]
  endings.set(t, works)
  t.after(async () => {
    for (const end of works.reverse()) await end()
  })
}

/** A folder that is removed after the test. */
export async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bushel-storage-'))
  atEnd(t, () => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Serves over TCP for another process. */
export async function listen(server: Server, link: () => Duplex[] = () => []): Promise<Listener> {
  const sockets = new Set<Socket>()
  const tcp = createServer(socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    over(socket, false, server, link())
  })
  tcp.listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  return {
    port: (tcp.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy()
      tcp.close()
      await once(tcp, 'close')
    }
  }
}

export interface Listener {
  port: number
  close(): Promise<void>
}

export function dial(port: number, server: Server | null): Duplex {
  return over(createConnection(port, '127.0.0.1'), true, server)
}

function over(socket: Socket, initiator: boolean, server: Server | null, link: Duplex[] = []): Duplex {
  const raw: Duplex & { noiseStream?: Duplex } = Hypercore.createProtocolStream(initiator, {
    ondiscoverykey: async key => {
      await server?.serve(key, raw.noiseStream!)
    }
  })
  let out: Duplex = raw
  for (const through of link) out = out.pipe(through)
  out.pipe(socket).pipe(raw)
  for (const stream of [raw, socket, raw.noiseStream!]) {
    stream.on('error', () => undefined) // a cut connection is part of the tests
  }
  socket.on('close', () => raw.destroy())
  raw.on('close', () => socket.destroy())
  return raw.noiseStream!
}
