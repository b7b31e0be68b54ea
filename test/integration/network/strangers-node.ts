/** A child process with a node that answers `echo` with as many bytes as are asked for, and tells what it holds. */
import c from 'compact-encoding'
import crypto from 'hypercore-crypto'
import type { NoiseStream } from 'hyperdht'
import Protomux from 'protomux'
import { Network } from '../../../src/network/network.js'
import type { Address } from '../../../src/network/network.js'
import { answerOrders, optionsOf, tell } from '../../world/parent.js'

const { bootstrap, paying } = optionsOf<{ bootstrap: Address[]; paying: string }>()
const ANSWERING = {
  preencode: (state: { end: number }, bytes: number) => void (state.end += bytes),
  encode: (state: Parameters<typeof c.raw.encode>[0], bytes: number) =>
    c.raw.encode(state, Buffer.alloc(bytes)),
  decode: c.uint.decode
}
const keyPair = crypto.keyPair()
const network = new Network({ keyPair, bootstrap })
const ended = new Map<string, number>()
/** Bytes of the largest frame for which memory was taken on a connection that has ended. */
let largest = 0
network.on('connection', (stream: NoiseStream) => {
  if (stream.isInitiator) tell({ dialled: stream.remotePublicKey.toString('hex') })
  stream.on('error', error => {
    const { bound } = error as { bound?: string }
    if (bound) ended.set(bound, (ended.get(bound) ?? 0) + 1)
  })
  stream.once('close', () => (largest = Math.max(largest, stream._message?.byteLength ?? 0)))
  const mux = Protomux.from(stream)
  mux.pair({ protocol: 'echo' }, () => {
    const channel = mux.createChannel({ protocol: 'echo' })
    const message = channel?.addMessage<number>({
      encoding: ANSWERING,
      onmessage: n => void message!.send(n)
    })
    channel?.open()
  })
})
network.knowDealings(device => (device.toString('hex') === paying ? 'pays' : null))
await network.ready()
await network.listen()
answerOrders<{ topic?: string }>(({ topic }) => {
  if (topic) network.join(Buffer.from(topic, 'hex'), { server: false })
  global.gc!()
  return Promise.resolve({
    rss: process.memoryUsage().rss,
    connections: network.streams.length,
    used: network.used,
    largest,
    ended: Object.fromEntries(ended)
  })
})
tell({ device: keyPair.publicKey.toString('hex') })
