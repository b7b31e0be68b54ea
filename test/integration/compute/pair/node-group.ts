import { on } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import createTestnet from 'hyperdht/testnet.js'
import type { Job, JobDue, JobFile } from '#spec'
import { encode } from '../../../../contracts/schema/codec.js'
import { jobId } from '../../../../contracts/job.js'
import { parseKey } from '../../../../contracts/keys/key.js'
import { SIDE } from '../../../../contracts/order.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { consumedByJobs } from '../../../../src/compute/job/consumed.js'
import { FUEL_VERSION } from '../../../../src/compute/fuel/meter.js'
import type { Hire } from '../../../../src/compute/buyer/hire.js'
import type { BookedComputeAsk, HireRequest, PackedJob } from '../../../../src/compute/buyer/hires.js'
import { packInput } from '../../../../src/compute/job/job-archive.js'
import { DEFAULT_LIMITS } from '../../../../src/compute/sandbox/sandbox.js'
import type { Worker } from '../../../../src/compute/provider/worker.js'
import { setUp } from '../../../../src/daemon/setup.js'
import { Home } from '../../../../src/identity/home.js'
import type { Address } from '../../../../src/network/network.js'
import { openNode } from '../../../../src/node/node.js'
import type { BushelNode, NodeOptions } from '../../../../src/node/node.js'
import type { Trade } from '../../../../src/node/trade/trade.js'
import type { BalanceCheck } from '../../../../src/payment/balance.js'
import { MIB, program } from '../../../parts/compute/jobs.js'
import { faultLog } from '../../../doubles/fault-log.js'

/** msat per Tfuel. */
export const PRICE = 1_000_000_000n
export const BASE = 1000n
export const quiet = { onProgress: (): void => undefined, signal: new AbortController().signal }
export const never = new AbortController().signal

/** Nodes on a private DHT, each with a home under one temporary folder. */
export class NodeGroup {
  readonly dir: string
  readonly bootstrap: Address[]
  readonly faults: unknown[] = []
  readonly #nodes = new Set<BushelNode>()

  private constructor(dir: string, bootstrap: Address[]) {
    this.dir = dir
    this.bootstrap = bootstrap
  }

  static async open(t: Pick<TestContext, 'after'>): Promise<NodeGroup> {
    const testnet = await createTestnet(2, { host: '127.0.0.1' })
    const dir = await mkdtemp(join(tmpdir(), 'bushel-compute-'))
    const group = new NodeGroup(dir, testnet.bootstrap)
    t.after(async () => {
      await Promise.all([...group.#nodes].map(node => node.close()))
      await testnet.destroy()
      await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    })
    return group
  }

  async node(name: string, options: Partial<NodeOptions> = {}): Promise<BushelNode> {
    const dir = join(this.dir, name)
    const home = await Home.open(dir).catch(async () => {
      await setUp({ home: dir })
      return Home.open(dir)
    })
    const log = faultLog(error => this.faults.push(error))
    const node = await openNode({ home, bootstrap: this.bootstrap, serve: true, log, ...options })
    this.#nodes.add(node)
    return node
  }

  async close(node: BushelNode): Promise<void> {
    this.#nodes.delete(node)
    await node.close()
  }
}

/** Publishes an ask for compute on a market of the node's own; gives it as read from the book. */
export async function sellCompute(node: BushelNode, change: Partial<BookedComputeAsk> = {}): Promise<Offer> {
  const { key } = await node.call('market.create', { name: 'compute' }, quiet)
  const market = parseKey(key)
  const { orders } = await node.trade()
  const asked = {
    cores: 2,
    memory: 1 << 30,
    isolation: 'bwrap',
    fuel: FUEL_VERSION,
    baseMsat: change.baseMsat ?? BASE,
    region: ''
  }
  const { id, order } = await orders.publish({
    market,
    side: SIDE.ask,
    resource: 'compute',
    price: change.price ?? PRICE,
    body: encode('compute-ask', asked),
    lifetime: DAY
  })
  const { identity, device, price, revision } = order
  const { cores, memory, fuel, baseMsat } = asked
  const ask = { id, identity, device, price, revision, cores, memory, fuel, baseMsat }
  return { market, ask: { ...ask, isolation: 'process', ...change } }
}

export interface Offer {
  market: Buffer
  ask: BookedComputeAsk
}

/** Packs a module and its input so that they can be fetched. */
export async function pack(
  { compute: { blobs } }: Trade,
  module: Buffer,
  input: { stdin?: Buffer; files?: JobFile[] } = {}
): Promise<PackedJob> {
  const { stdin = Buffer.alloc(0), files = [] } = input
  return {
    module: await blobs.put([module]),
    input: await blobs.put(packInput({ stdin, files }))
  }
}

export async function request(
  trade: Trade,
  { market, ask }: Offer,
  name: string,
  args: string[] = [],
  change: Partial<HireRequest> = {}
): Promise<HireRequest> {
  return {
    market,
    ask,
    packed: change.packed ?? (await pack(trade, program(name))),
    args: [name, ...args],
    seed: Buffer.alloc(32, 1),
    limits: { ...DEFAULT_LIMITS, memoryBytes: 64 * MIB, outputBytes: 8 * MIB },
    maxMsat: 1_000_000_000n,
    firstInstallmentMsat: 5000n,
    ...change
  }
}

/** Resolves when the worker reports this state of a job. */
export async function untilReported(worker: Worker, id: Buffer, state: string): Promise<void> {
  for await (const [{ terms }, told] of on(worker, 'progress') as AsyncIterable<[Job, string]>)
    if (told === state && jobId(terms).equals(id)) return
}

/** Pays each payment as the provider asks for it. */
export async function payDue(
  { payments }: Trade,
  { id, terms }: Hire,
  { countersign, invoice }: JobDue
): Promise<void> {
  const { list } = countersign
  await payments.intend(list)
  await payments.bind(list, [invoice], terms.provider.lightning!)
  await payments.pay(id, list.installments[0]!.installment)
}

export async function balance({ payments, compute: { jobs }, ledger }: Trade): Promise<BalanceCheck> {
  return payments.checkBalance(consumedByJobs(jobs, ledger))
}
