import { join } from 'node:path'
import type { Blob } from '#spec'
import { Blobs } from '../../compute/blobs/blobs.js'
import { neededBlobs } from '../../compute/blobs/needed.js'
import { Hires } from '../../compute/buyer/hires.js'
import type { RunListener } from '../../compute/buyer/jobs.js'
import { ComputeBids } from '../../compute/buyer/resting-bids.js'
import { RunRecords } from '../../compute/buyer/run/run-records.js'
import { EvidenceFiles } from '../../compute/job/evidence-files.js'
import { JobRecords } from '../../compute/job/job-records.js'
import { JOB_TIMEOUTS } from '../../compute/job/timeouts.js'
import { readLending } from '../../compute/provider/settings.js'
import { Worker } from '../../compute/provider/worker.js'
import { jobsOf } from './job-buying.js'
import { tradeService } from './parts.js'
import type { TradeOptions } from './parts.js'
import { fillBid, fitsBid } from './stored-bid.js'
import type { Logger } from '../../base/logger.js'

// Both sides of compute.

export const jobs = tradeService(
  'jobs',
  ['node'],
  ({ node }) => new JobRecords(node.store, node.now, logOf(node))
)

export const blobs = tradeService('blobs', ['node', 'jobs'], async ({ node, jobs: records }, scope) => {
  const { store, network, jobTimeouts } = node
  const { fetch: stallMs } = { ...JOB_TIMEOUTS, ...jobTimeouts }
  const needed = (): Iterable<Blob> => neededBlobs(new RunRecords(store), records)
  const made = await scope.open(new Blobs({ folder: folderOf(node), store, stallMs, needed }))
  scope.add(network.serveCores((discoveryKey, stream) => made.serve(discoveryKey, stream)))
  return made
})

export const hires = tradeService(
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
export const worker = tradeService(
  'worker',
  ['node', 'wallet', 'payments', 'deals', 'orders', 'jobs', 'blobs'],
  async ({ node, wallet, orders, ...parts }, scope) => {
    const { store, now, serve, worker: given } = node
    if (!serve) return null
    return scope.open(
      new Worker({
        ...{ ...parts, now, log: logOf(node) },
        canReceive: (from, msat) => wallet.canReceive(from, msat),
        ask: id => orders.get(id),
        ...given,
        settings: { ...readLending(store), ...given?.settings }
      })
    )
  }
)

/** Buys jobs, and continues those of an earlier process. */
export const runs = tradeService(
  'runs',
  ['node', 'wallet', 'limits', 'blobs', 'hires', 'connections'],
  async ({ node, wallet, limits, blobs: own, hires: hired }, scope) => {
    const { books, store, identity, serve, now } = node
    await hired.lapse()
    return scope.open(
      jobsOf({
        ...{ blobs: own, now, log: logOf(node), limits, books, store, identity, hires: hired },
        folder: folderOf(node),
        network: wallet.network,
        unattended: serve,
        listener: listenerOf(node)
      })
    )
  }
)

/** Fills resting bids, unattended. */
export const computeBids = tradeService(
  'computeBids',
  ['node', 'orders', 'runs'],
  async ({ node, orders, runs: bought }, scope) => {
    const { store, serve } = node
    if (!serve) return null
    return scope.open(
      new ComputeBids({
        ...{ orders, store, log: logOf(node) },
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
