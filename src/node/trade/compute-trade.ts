import { join } from 'node:path'
import ReadyResource from 'ready-resource'
import type { Blob } from '#spec'
import { ComputeBids } from '../../compute/buyer/resting-bids.js'
import { Blobs } from '../../compute/blobs/blobs.js'
import { EvidenceFiles } from '../../compute/job/evidence-files.js'
import { Hires } from '../../compute/buyer/hires.js'
import { JobRecords, isOver } from '../../compute/job/job-records.js'
import type { Jobs, RunListener } from '../../compute/buyer/jobs.js'
import { neededBlobs } from '../../compute/blobs/needed.js'
import { JOB_TIMEOUTS } from '../../compute/job/timeouts.js'
import { RunRecords } from '../../compute/buyer/run/run-records.js'
import { Worker } from '../../compute/provider/worker.js'
import { jobsOf } from './job-buying.js'
import { readLending } from '../../compute/provider/settings.js'
import { fillBid, fitsBid } from './stored-bid.js'
import type { TradeContext, TradeOptions } from './trade-context.js'

/** Both sides of compute, on the parts of a node. */
export class ComputeTrade extends ReadyResource {
  readonly jobs: JobRecords
  readonly blobs: Blobs
  readonly hires: Hires
  readonly runs: Jobs
  readonly worker: Worker | null = null
  bids: ComputeBids | null = null
  readonly #node: TradeOptions
  readonly #context: TradeContext
  readonly #listener: RunListener

  constructor(node: TradeOptions, context: TradeContext) {
    super()
    this.#node = node
    this.#context = context
    const { dir, facts, books, identity, onfault, onnote, serve, jobTimeouts, worker } = node
    const { wallet, payments, deals, limits, orders, now } = context
    this.#listener = { note: onnote, state: () => undefined, paid: () => undefined }
    const folder = join(dir, 'compute')
    const { fetch: stallMs } = { ...JOB_TIMEOUTS, ...jobTimeouts }
    const jobs = new JobRecords(facts, now)
    const needed = (): Iterable<Blob> => neededBlobs(new RunRecords(facts), jobs)
    const blobs = new Blobs({ folder, facts, stallMs, needed })
    this.jobs = jobs
    this.blobs = blobs
    this.hires = new Hires({
      ...{ deals, payments, jobs, blobs, now },
      evidence: new EvidenceFiles(join(folder, 'evidence')),
      ...(jobTimeouts ? { timeouts: jobTimeouts } : {})
    })
    this.runs = jobsOf({
      ...{ blobs, now, onfault, limits, books, facts, identity, folder },
      hires: this.hires,
      network: wallet.network,
      unattended: serve,
      listener: this.#listener
    })
    if (!serve) return
    this.worker = new Worker({
      ...{ deals, payments, jobs, blobs, now, onfault },
      canReceive: (from, msat) => wallet.canReceive(from, msat),
      ask: id => orders.get(id),
      ...worker,
      settings: { ...readLending(facts), ...worker?.settings }
    })
  }

  /** What must be there before the first peer is heard. */
  protected override async _open(): Promise<void> {
    await this.blobs.ready()
    await this.hires.ready()
    this.#node.network.serveCores((discoveryKey, stream) => this.blobs.serve(discoveryKey, stream))
  }

  /** Goes on with what was begun; the ledger must be open. */
  async goOn(): Promise<void> {
    await this.hires.lapse()
    await this.runs.ready()
  }

  /** Runs jobs of others. */
  async work(): Promise<void> {
    await this.worker?.ready()
  }

  /** Fills bids, unattended. */
  async serve(): Promise<void> {
    const { facts, onnote, onfault } = this.#node
    this.bids = new ComputeBids({
      ...{ orders: this.#context.orders, facts, onnote, onfault },
      fits: (stored, signal) => fitsBid(this.runs, stored, signal),
      fill: (stored, signal) => fillBid(this.runs, stored, this.#listener, signal)
    })
    await this.bids.ready()
  }

  /** Does nothing more of its own accord. */
  async rest(): Promise<void> {
    await this.bids?.close()
    await this.runs.close()
    await this.worker?.close()
  }

  protected override async _close(): Promise<void> {
    await this.hires.close()
    await this.blobs.close()
  }

  /** Is there a job with that device that is not over? */
  dealsWith(device: Buffer): boolean {
    for (const role of ['buyer', 'provider'] as const) {
      for (const { id, job } of this.jobs.list(role)) {
        const { buyer, provider } = job.terms
        if (!(role === 'buyer' ? provider : buyer).device.equals(device)) continue
        if (!isOver(job) || this.#context.payments.ledger.totals(id).inFlightMsat > 0n) return true
      }
    }
    return false
  }
}
