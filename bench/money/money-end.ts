import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import ProtomuxRPC from 'protomux-rpc'
import { bareEnd } from './bare-end.js'
import type { Address, EndOrder, Ran, ToEnd } from './end.js'
import { answer, orderOf } from '../stage.js'
import { paymentsEnd } from './payments-end.js'

// One end of a channel: the payee, or the payer that makes payments on command.

const CHANNEL_MSAT = 150_000_000n
const PROTOCOL = 'bushel-bench/money'

const { kind, dir, bootstrap, payee } = orderOf<EndOrder>()
const end = await (kind === 'payments' ? paymentsEnd(dir) : bareEnd(dir))
const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
if (payee) {
  const stream = dht.connect(Buffer.from(payee.server, 'hex'))
  const nodeId = Buffer.from(payee.nodeId, 'hex')
  const rpc = open(stream, nodeId)
  await end.reach(nodeId, CHANNEL_MSAT)
  process.on(
    'message',
    (message: ToEnd) => void obey(message, installments => end.lane(rpc, nodeId, installments))
  )
  answer({ ready: true })
} else {
  const server = dht.createServer({}, stream => end.serve(open(stream, null)))
  await server.listen()
  process.on('message', (message: ToEnd) => void obey(message, null))
  const address = { server: server.publicKey.toString('hex'), nodeId: end.nodeId.toString('hex') }
  answer(address satisfies Address)
}

function open(stream: NoiseStream, nodeId: Buffer | null): ProtomuxRPC {
  const rpc = new ProtomuxRPC(stream, { protocol: PROTOCOL })
  end.link(stream, nodeId)
  return rpc
}

async function obey(
  message: ToEnd,
  lane: ((installments: number) => Promise<number[]>) | null
): Promise<void> {
  if (message.do === 'cost') return answer(await end.cost())
  const { lanes, installments } = message.run
  const begun = performance.now()
  const latencies = await Promise.all(Array.from({ length: lanes }, () => lane!(installments)))
  answer({ ms: performance.now() - begun, latencies: latencies.flat() } satisfies Ran)
}
