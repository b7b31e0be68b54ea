import { join } from 'node:path'
import createTestnet from 'hyperdht/testnet.js'
import { parseKey } from '../../contracts/keys/key.js'
import { SAT } from '../../contracts/money/money.js'
import type { RunRequest } from '../../src/compute/buyer/run/run-types.js'
import { DEFAULT_LIMITS } from '../../src/compute/sandbox/sandbox.js'
import type { SandboxJob } from '../../src/compute/sandbox/sandbox.js'
import { setUp } from '../../src/daemon/setup.js'
import { Home } from '../../src/identity/home.js'
import { openNode } from '../../src/node/node.js'
import type { BushelNode } from '../../src/node/node.js'
import type { Trade } from '../../src/node/trade/trade.js'
import type { JobSellerOrder, JobSold } from './job-seller.js'
import { Actor, inFolder } from '../stage.js'

export const never = new AbortController().signal
export const PLENTY = 10n ** 15n
const MAX = 1000n * SAT

export interface JobMarket {
  node: BushelNode
  trade: Trade
  market: Buffer
  sellers: Actor[]
}

/** A buyer in this process and compute providers in child processes, on a private DHT with play money. */
export async function inJobMarket<T>(
  sellers: { count: number; warm: number; cores: number },
  work: (market: JobMarket) => Promise<T>
): Promise<T> {
  return inFolder(async folder => {
    const net = await createTestnet(2, { host: '127.0.0.1' })
    const actors: Actor[] = []
    try {
      let market: string | null = null
      for (let i = 0; i < sellers.count; i++) {
        const { bootstrap } = net
        const order: JobSellerOrder = { ...sellers, home: join(folder, `seller-${i}`), bootstrap, market }
        const actor = new Actor('compute/job-seller', order)
        actors.push(actor)
        market = (await actor.hear<JobSold>()).market
      }
      const home = join(folder, 'buyer')
      await setUp({ home })
      const node = await openNode({ home: await Home.open(home), bootstrap: net.bootstrap, serve: false })
      try {
        await node.call('market.join', { key: market! }, { onProgress: () => undefined, signal: never })
        const key = parseKey(market!, 'market')
        return await work({ node, trade: await node.trade(), market: key, sellers: actors })
      } finally {
        await node.close()
      }
    } finally {
      for (const actor of actors) await actor.end()
      await net.destroy()
    }
  })
}

export function jobOf(module: Buffer, args: string[] = [], files: SandboxJob['files'] = []): SandboxJob {
  return {
    module,
    args: ['program', ...args],
    stdin: Buffer.alloc(0),
    files,
    seed: Buffer.alloc(32),
    fuel: PLENTY,
    limits: DEFAULT_LIMITS
  }
}

/** The same job as a run request. */
export function requestOf(
  market: Buffer,
  { module, args, stdin, files, seed, limits }: SandboxJob
): RunRequest {
  return {
    ...{ market, module, args, seed, limits },
    name: 'bench',
    input: { stdin, files: [...files] },
    verify: 1,
    maxMsat: MAX,
    offer: null,
    maxPrice: null,
    isolation: 'any'
  }
}

/** Buys the job and returns its time, ms. Rejects when its outcome is not ok. */
export async function bought({ trade, market }: JobMarket, job: SandboxJob): Promise<number> {
  const begun = performance.now()
  const { status, reason } = await trade.compute.runs.run(requestOf(market, job), silent, never)
  if (status !== 'ok') throw new Error(`a job that was bought is ${status}: ${reason}`)
  return performance.now() - begun
}

export const silent = { note: () => undefined, state: () => undefined, paid: () => undefined }
