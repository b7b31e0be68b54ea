import { randomBytes } from 'node:crypto'
import c from 'compact-encoding'
import Protomux from 'protomux'
import { BOUNDS } from '../../../src/base/bounds/bounds.js'
import { ATTACKS } from '../../../test/integration/network/hostile-replica.js'
import { delay, ended, endedUnread } from './ground.js'
import type { Ground, Target } from './ground.js'

/** Does its harm over one connection; resolves when the node has ended that. */
export type Attack = (ground: Ground, target: Target) => Promise<void>

const LARGEST_FRAME = 2 ** 24 - 1
const PROTOCOLS = ['bushel/deal', 'bushel/lightning', 'bushel/book', 'bushel/read', 'hypercore/alpha']
const CORE_ATTACKS = Object.values(ATTACKS)
let turn = 0

const sizeOf = (bytes: number): Buffer => Buffer.from([bytes & 255, (bytes >> 8) & 255, bytes >> 16])

/** Attacks that need nothing but a connection, and the key of the market. */
export const CONNECTION_ATTACKS = {
  /** Says nothing more than that it is there. */
  idle: async (ground, target) => ended(await ground.dial(target)),

  /** Opens as many channels as are allowed, and stays. */
  channels: async (ground, target) => {
    const stream = await ground.dial(target)
    const mux = new Protomux(stream)
    for (let i = 0; i < BOUNDS.channels.peer - 1; i++) mux.createChannel({ protocol: `p${i}` })?.open()
    await ended(stream)
  },

  /** Opens ever more channels. */
  moreChannels: async (ground, target) => {
    const stream = await ground.dial(target)
    const mux = new Protomux(stream)
    for (let i = 0; i < 20_000 && !stream.destroyed; i++) mux.createChannel({ protocol: `p${i}` })?.open()
    await ended(stream)
  },

  /** Announces the largest frame that a stranger may send, and sends all of it but the last byte, slowly. */
  frames: async (ground, target) => {
    const stream = await ground.dial(target)
    stream.rawStream.write(sizeOf(BOUNDS.frames.peer))
    const step = Buffer.alloc(1 << 16)
    for (let left = BOUNDS.frames.peer - 1; left > step.byteLength && !stream.destroyed;) {
      stream.rawStream.write(step)
      left -= step.byteLength
      await delay(500)
    }
    await ended(stream)
  },

  /** Announces the largest frame that there is. */
  hugeFrames: async (ground, target) => {
    const stream = await ground.dial(target)
    stream.rawStream.write(sizeOf(LARGEST_FRAME))
    const step = Buffer.alloc(1 << 18)
    for (let i = 0; i < 60 && !stream.destroyed; i++) {
      stream.rawStream.write(step)
      await delay(20)
    }
    await ended(stream)
  },

  /** Sends messages for a channel that is never opened, almost as many as are kept. */
  pending: async (ground, target) => {
    const stream = await ground.dial(target)
    const channel = new Protomux(stream).createChannel({ protocol: 'none' })!
    const message = channel.addMessage<Buffer>({ encoding: c.raw, onmessage: () => undefined })
    channel.open()
    for (let bytes = 0; bytes < BOUNDS.pending.peer - 20_000; bytes += 10_512)
      message.send(Buffer.alloc(10_000))
    await ended(stream)
  },

  /** Sends garbage over the protocols of the node. */
  garbage: async (ground, target) => {
    const stream = await ground.dial(target)
    const protocol = PROTOCOLS[turn++ % PROTOCOLS.length]!
    stream.write(
      Buffer.concat([Buffer.from([0, 1, 1, protocol.length]), Buffer.from(protocol), randomBytes(60)])
    )
    for (let i = 0; i < 20 && !stream.destroyed; i++)
      stream.write(Buffer.concat([Buffer.from([i % 3]), randomBytes(200)]))
    await Promise.race([ended(stream), delay(2000)])
    stream.destroy()
  },

  /** A message of Hypercore with a number at its extreme, of each kind in turn. */
  cores: async (ground, target) => {
    const { stream, mux, wire } = await ground.replica(target)
    CORE_ATTACKS[turn++ % CORE_ATTACKS.length]!(wire, mux)
    await Promise.race([ended(stream), delay(5000)])
    stream.destroy()
  },

  /** Asks for blocks of the market's core and reads none of them. */
  unread: async (ground, target) => {
    const { stream, wire } = await ground.replica(target)
    for (let id = 1; id <= 900; id++)
      wire.wireRequest!.send({ id, fork: 0, block: { index: 0, nodes: 0 }, priority: 0 })
    await endedUnread(stream)
  }
} as const satisfies Record<string, Attack>
