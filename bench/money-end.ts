import HyperDHT from 'hyperdht'
import type { NoiseStream } from 'hyperdht'
import ProtomuxRPC from 'protomux-rpc'
import { bareEnd } from './bare-end.js'
import { answer, orderOf } from './stage.js'
import { tellerEnd } from './teller-end.js'

// One of two ends that are joined by a channel: it takes payments, or makes them when it is told to.

export type Kind = 'teller' | 'bare'

export interface EndOrder {
  kind: Kind
  dir: string
  bootstrap: { host: string; port: number }[]
  /** Where the payee listens; the payee itself has none. */
  payee: Address | null
}

export interface Address {
  server: string
  nodeId: string
}

export interface Run {
  /** So many payments in flight at once ... */
  lanes: number
  /** ... and so many one after the other in each. */
  slices: number
}

export interface Ran {
  /** From the first invoice that is asked for to the last payment that is made. */
  ms: number
  /** Of each payment, ms. */
  latencies: number[]
}

/** What the ledger of an end has cost since it was opened. */
export interface Cost {
  entries: number
  bytes: number
  syncs: number
}

export type ToEnd = { do: 'run'; run: Run } | { do: 'cost' }

export interface End {
  readonly nodeId: Buffer
  /** Speaks Lightning with the other end, whose node id only the payer knows beforehand. */
  link(stream: NoiseStream, nodeId: Buffer | null): void
  /** The payee's half of `lane`. */
  serve(rpc: ProtomuxRPC): void
  reach(nodeId: Buffer, msat: bigint): Promise<void>
  /** Payments one after the other; gives what each of them took, ms. */
  lane(rpc: ProtomuxRPC, nodeId: Buffer, slices: number): Promise<number[]>
  cost(): Promise<Cost>
}

const CHANNEL_MSAT = 150_000_000n
const PROTOCOL = 'bushel-bench/money'

const { kind, dir, bootstrap, payee } = orderOf<EndOrder>()
const end = await (kind === 'teller' ? tellerEnd(dir) : bareEnd(dir))
const dht = new HyperDHT({ bootstrap, host: '127.0.0.1', firewalled: false })
if (payee) {
  const stream = dht.connect(Buffer.from(payee.server, 'hex'))
  const nodeId = Buffer.from(payee.nodeId, 'hex')
  const rpc = open(stream, nodeId)
  await end.reach(nodeId, CHANNEL_MSAT)
  process.on('message', (message: ToEnd) => void obey(message, slices => end.lane(rpc, nodeId, slices)))
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

async function obey(message: ToEnd, lane: ((slices: number) => Promise<number[]>) | null): Promise<void> {
  if (message.do === 'cost') return answer(await end.cost())
  const { lanes, slices } = message.run
  const begun = performance.now()
  const latencies = await Promise.all(Array.from({ length: lanes }, () => lane!(slices)))
  answer({ ms: performance.now() - begun, latencies: latencies.flat() } satisfies Ran)
}
