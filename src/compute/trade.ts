import { statedLeast } from '../lightning/wallet.js'
import { join } from 'node:path'
import type { Blob } from '#spec'
import { Blobs } from './blobs/blobs.js'
import { neededBlobs } from './blobs/needed.js'
import { Hires } from './buyer/hires.js'
import type { Jobs, RunListener } from './buyer/jobs.js'
import { ComputeBids } from './buyer/resting-bids.js'
import { RunRecords } from './buyer/run/run-records.js'
import { EvidenceFiles } from './job/evidence-files.js'
import { consumedByJobs } from './job/consumed.js'
import { JobRecords } from './job/job-records.js'
import { JOB_TIMEOUTS } from './job/timeouts.js'
import { readLending } from './provider/settings.js'
import { Worker } from './provider/worker.js'
import { compute } from './resource.js'
import { computeStatus } from './status.js'
import { COMPUTE_TABLES } from './tables.js'
import { bookedBids } from '../node/trade/asks.js'
import { jobsOf } from '../node/trade/job-buying.js'
import { STEP } from '../payment/payment-state.js'
import { tradeService } from '../node/trade/parts.js'
import type { TradeOptions, TradeParts, TradeResource } from '../node/trade/parts.js'
import { fillBid, fitsBid } from '../node/trade/stored-bid.js'
import type { Logger } from '../base/logger.js'

// Both sides of compute.

declare module '../node/trade/parts.js' {
  interface TradeParts {
    jobs: JobRecords
    blobs: Blobs
    hires: Hires
    worker: Worker | null
    runs: Jobs
    computeBids: ComputeBids | null
  }
}

const jobs = tradeService('jobs', ['node'], ({ node }) => new JobRecords(node.store, node.now, logOf(node)))

const blobs = tradeService('blobs', ['node', 'jobs'], async ({ node, jobs: records }, scope) => {
  const { store, network, jobTimeouts } = node
  const { fetch: stallMs } = { ...JOB_TIMEOUTS, ...jobTimeouts }
  const needed = (): Iterable<Blob> => neededBlobs(new RunRecords(store), records)
  const made = await scope.open(new Blobs({ folder: folderOf(node), store, stallMs, needed }))
  scope.add(network.serveCores((discoveryKey, stream) => made.serve(discoveryKey, stream)))
  return made
})

const hires = tradeService(
  'hires',
  ['node', 'payments', 'deals', 'jobs', 'blobs'],
  ({ node, ...parts }, scope) =>
    scope.open(
      new Hires({
        ...parts,
        now: node.now,
        evidence: new EvidenceFiles(join(folderOf(node), 'evidence')),
        ...(node.jobTimeouts ? { timeouts: node.jobTimeouts } : {})
      })
    )
)

/** Runs jobs of others. */
const worker = tradeService(
  'worker',
  ['node', 'wallet', 'payments', 'deals', 'quotes', 'jobs', 'blobs'],
  async ({ node, wallet, quotes, ...parts }, scope) => {
    const { store, now, worker: given } = node
    if (!quotes) return null
    const made = await scope.open(
      new Worker({
        ...{ ...parts, now, log: logOf(node) },
        canReceive: (from, msat) => wallet.canReceive(from, msat),
        statedLeast: () => statedLeast(wallet),
        ...given,
        settings: { ...readLending(store), ...given?.settings }
      })
    )
    scope.add(quotes.serve(compute, made.selling))
    return made
  }
)

/** Buys jobs, and continues those of an earlier process. */
const runs = tradeService(
  'runs',
  ['node', 'wallet', 'limits', 'deals', 'blobs', 'hires', 'connections'],
  async ({ node, wallet, limits, deals, blobs: own, hires: hired }, scope) => {
    const { books, store, identity, serve, now } = node
    await hired.lapse()
    return scope.open(
      jobsOf({
        ...{ blobs: own, now, log: logOf(node), limits, books, store, identity, hires: hired },
        open: (device, options) => deals.open(device, options),
        experiences: deals.experiences,
        folder: folderOf(node),
        network: wallet.network,
        unattended: serve,
        listener: listenerOf(node)
      })
    )
  }
)

/** Fills resting bids, unattended. */
const computeBids = tradeService(
  'computeBids',
  ['node', 'wallet', 'deals', 'orders', 'runs'],
  async ({ node, wallet, deals, orders, runs: bought }, scope) => {
    const { books, store, serve } = node
    if (!serve) return null
    return scope.open(
      new ComputeBids({
        ...{ deals, orders, store, log: logOf(node) },
        standing: () => bookedBids(books, wallet.network, compute),
        fits: (stored, signal) => fitsBid(bought, stored, signal),
        fill: (stored, signal) => fillBid(bought, stored, listenerOf(node), signal)
      })
    )
  }
)

function folderOf({ dir }: TradeOptions): string {
  return join(dir, 'compute')
}

function logOf({ log }: TradeOptions): Logger {
  return log.child('compute')
}

/** Logs the progress of runs that no caller waits for. */
function listenerOf(node: TradeOptions): RunListener {
  const log = logOf(node)
  return { note: message => log.info(message), state: () => undefined, paid: () => undefined }
}

/** True for an open job with the device, or one for which money is moving. */
function hasJobs({ jobs: records, ledger }: TradeParts, device: Buffer): boolean {
  const [first] = records.with(device)
  if (first) return true
  for (const { agreement } of ledger.at(STEP.sent))
    if (records.get('buyer', agreement)?.terms.provider.device!.equals(device)) return true
  return false
}

export const computeTrade: TradeResource = {
  resource: compute,
  tables: COMPUTE_TABLES,
  answering: [jobs, blobs, hires, worker],
  working: [runs, computeBids],
  bids: parts => parts.computeBids,
  hasDealings: hasJobs,
  dealings: ({ jobs: records }, device) => records.dealings(device),
  consumed: ({ jobs: records, ledger }) => consumedByJobs(records, ledger),
  status: ({ store, parts }) => computeStatus(store, parts?.worker ?? null),
  used: ({ worker: made }) => made?.used ?? {}
}
