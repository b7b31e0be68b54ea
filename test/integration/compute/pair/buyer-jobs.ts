import type { TestContext } from 'node:test'
import { Jobs } from '../../../../src/compute/buyer/jobs.js'
import type { JobsOptions, RunRequest } from '../../../../src/compute/buyer/jobs.js'
import { packInput } from '../../../../src/compute/job/job-archive.js'
import { DEFAULT_LIMITS } from '../../../../src/compute/sandbox/sandbox.js'
import { Experiences } from '../../../../src/deal/sellers/experience.js'
import type { BushelNode } from '../../../../src/node/node.js'
import { MIB, program } from '../../../parts/compute/jobs.js'
import { faultLog } from '../../../doubles/fault-log.js'
import type { Offer } from './node-group.js'

/** A run of the module `work` on one provider, within the price of these tests. */
export function workRequest(market: Buffer, rounds: string, change: Partial<RunRequest> = {}): RunRequest {
  return {
    market,
    name: 'work.wasm',
    module: program('work'),
    input: { stdin: Buffer.alloc(0), files: [] },
    args: ['work', rounds],
    verify: 1,
    maxMsat: 3_000_000_000n,
    offer: null,
    maxPrice: null,
    limits: WORK_LIMITS,
    seed: Buffer.alloc(32, 1),
    isolation: 'any',
    ...change
  }
}

export const WORK_LIMITS = { ...DEFAULT_LIMITS, memoryBytes: 64 * MIB, outputBytes: 8 * MIB }

export interface BuyerJobsOptions {
  /** Each provider sells on a market of its own. */
  offers: Offer[]
  /** Where the evidence is kept. */
  folder: string
  listener: JobsOptions['listener']
  now?: () => number
}

/** The jobs of a buyer's node, over the offers given; a fault fails the test. `forget` drops what is kept in memory of sellers. */
export async function openBuyerJobs(
  t: TestContext,
  buyer: BushelNode,
  { offers, folder, listener, now = Date.now }: BuyerJobsOptions
): Promise<{ jobs: Jobs; experiences: () => Experiences; forget: () => void }> {
  const { compute, limits, deals } = await buyer.trade()
  const { hires, blobs } = compute
  const { store } = buyer
  let experiences = new Experiences(store, now)
  const marketOf = new Map(offers.map(({ ask, market }) => [ask.id.toString('hex'), market]))
  const jobs = new Jobs({
    hire: {
      agree: (request, signal) =>
        hires.agree({ ...request, market: marketOf.get(request.ask.id.toString('hex'))! }, signal),
      resume: id => hires.resume(id)
    },
    open: (device, options) => deals.open(device, options),
    pack: { module: bytes => blobs.put([bytes]), input: input => blobs.put(packInput(input)) },
    asks: () => Promise.resolve(offers.map(({ ask }) => ask)),
    experiences: {
      of: identity => experiences.of(identity),
      toward: identity => experiences.toward(identity),
      good: identity => experiences.good(identity),
      bad: (identity, note) => experiences.bad(identity, note),
      failed: (seller, error) => experiences.failed(seller, error),
      dialled: found => experiences.dialled(found),
      get slow() {
        return experiences.slow
      }
    },
    faultOf: spend => limits.faultOf(spend),
    identity: buyer.home.identity,
    store,
    folder,
    now,
    unattended: false,
    listener,
    log: faultLog(error => {
      throw error
    })
  })
  await jobs.ready()
  t.after(() => jobs.close())
  return { jobs, experiences: () => experiences, forget: () => (experiences = new Experiences(store, now)) }
}
