/** A child process with strangers on bare hyperdht and protomux: connections, frames, channels and unread answers. */
import c from 'compact-encoding'
import crypto from 'hypercore-crypto'
import type { KeyPair } from 'hypercore-crypto'
import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import type { Address } from '../../../src/network/network.js'
import { answerOrders, optionsOf, tell } from '../../world/parent.js'

export interface Attack {
  kind: keyof typeof ATTACKS
  count: number
  /** Bytes, or how many of them. */
  amount?: number
}

type Raw = NoiseStream & { rawStream: { write(bytes: Buffer): boolean; pause(): void } }

const { bootstrap, device } = optionsOf<{ bootstrap: Address[]; device: string }>()
const AT_ONCE = 50
/** A topic that a test looks up. */
const TOPIC = Buffer.alloc(32, 5)
const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
const open = new Set<NoiseStream>()

async function dial(keyPair: KeyPair = crypto.keyPair()): Promise<Raw> {
  const stream = dht.connect(Buffer.from(device, 'hex'), { keyPair }) as Raw
  stream.on('error', () => undefined)
  stream.on('close', () => open.delete(stream))
  await stream.opened
  open.add(stream)
  return stream
}

const size = (bytes: number): Buffer => Buffer.from([bytes & 255, (bytes >> 8) & 255, bytes >> 16])

const ASKING = { preencode: c.uint.preencode, encode: c.uint.encode, decode: c.raw.decode }

/** Resolves when so many bytes were asked for and have come; rejects when the connection has ended. */
function echo(stream: NoiseStream, amount: number): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('close', () => reject(new Error('it was cut off')))
    const channel = Protomux.from(stream).createChannel({ protocol: 'echo' })
    const onmessage = (): void => {
      channel!.close()
      resolve()
    }
    const message = channel?.addMessage({ encoding: ASKING, onmessage })
    channel?.open()
    message?.send(amount as never)
  })
}

/** Each does its harm on one connection of a fresh key. */
const ATTACKS = {
  /** Says nothing more than that it is there. */
  async idle() {
    await dial()
  },
  /** Announces a frame and sends all of it but the last byte. */
  async frame(amount: number) {
    const stream = await dial()
    stream.rawStream.write(size(amount))
    const step = Buffer.alloc(1 << 18)
    for (let left = amount - 1; left > 0 && !stream.destroyed; left -= step.byteLength) {
      stream.rawStream.write(left < step.byteLength ? Buffer.alloc(left) : step)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  },
  /** Opens channels of as many protocols. */
  async channels(amount: number) {
    const stream = await dial()
    const mux = new Protomux(stream)
    for (let i = 0; i < amount && !stream.destroyed; i++) mux.createChannel({ protocol: `p${i}` })!.open()
  },
  /** Sends messages in one frame over a channel that the other side never opens. */
  async pending(amount: number) {
    const stream = await dial()
    const mux = new Protomux(stream)
    const channel = mux.createChannel({ protocol: 'echo' })!
    const message = channel.addMessage<Buffer>({ encoding: c.raw, onmessage: () => undefined })
    mux.cork()
    channel.open()
    for (let i = 0; i < amount; i++) message.send(Buffer.alloc(1))
    mux.uncork()
  },
  /** Asks for as many MiB and reads none. */
  async unread(amount: number) {
    const stream = await dial()
    const channel = new Protomux(stream).createChannel({ protocol: 'echo' })!
    const message = channel.addMessage<number>({ encoding: c.uint, onmessage: () => undefined })
    channel.open()
    for (let i = 0; i < amount; i++) message.send(1 << 20)
    stream.rawStream.pause()
    Object.assign(stream.rawStream, { resume: () => stream.rawStream })
  },
  /** Can be found by the topic, and dialled. */
  async announce() {
    const keyPair = crypto.keyPair()
    await dht.createServer({}, stream => void stream.on('error', () => undefined)).listen(keyPair)
    const announcing = dht as unknown as {
      announce(topic: Buffer, keyPair: KeyPair): { finished(): Promise<void> }
    }
    await announcing.announce(TOPIC, keyPair).finished()
  },
  /** An honest stranger: asks for so many bytes and reads them. Rejects when it is cut off. */
  async honest(amount: number) {
    const stream = await dial()
    await echo(stream, amount)
    stream.destroy()
  }
}

let partner: Raw

answerOrders<Attack | { partner: string }>(async order => {
  if ('partner' in order) {
    if (order.partner) partner = await dial(crypto.keyPair(Buffer.from(order.partner, 'hex')))
    await echo(partner, 1000)
    return
  }
  const { kind, count, amount = 0 } = order
  for (let done = 0; done < count; done += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - done) }, () => ATTACKS[kind](amount)))
  return { open: open.size }
})
tell({ ready: true })
