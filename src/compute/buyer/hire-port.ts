import type { JobEvidence, JobOutput, JobStatement, JobTerms, SignedJobCommitment } from '#spec'
import type { HireRequest } from './hires.js'

export type { LocalBlob } from '../blobs/blobs.js'
export type { BookedComputeAsk, HireRequest, PackedJob } from './hires.js'

/** Agrees with providers, one job each: what a run needs of `Hires`. */
export interface HirePort {
  /** Resolves when both have signed; nothing is paid then. */
  agree(request: HireRequest, signal: AbortSignal): Promise<Hire>
  /** A job that an earlier process of this node agreed on, or null where it is over or not known. */
  resume(id: Buffer): Hire | null
}

/** One job at one provider: what a run needs of it. */
export interface Hire {
  /** The agreement's id. */
  readonly id: Buffer
  readonly device: Buffer
  readonly identity: Buffer
  readonly terms: JobTerms
  /** Called with each payment that has settled since this process is at it: 0 is the base, `FINAL_EPOCH` the rest. */
  onpaid: (payment: { installment: number; msat: bigint }) => void
  untilCommitted(
    signal: AbortSignal,
    onprogress: (progress: { state: string; fuel: bigint }) => void
  ): Promise<SignedJobCommitment>
  /** Checked against commitment and terms; throws BAD_PEER, with the evidence kept. */
  reveal(): Promise<JobStatement>
  /** Fetches, pays, and opens what was stated; throws FALSE_KEY or WRONG_OUTPUT, with the evidence kept. */
  collect(signal: AbortSignal): Promise<JobOutput>
  evidence(): JobEvidence
  /** Stops it; what is not paid by then is never paid. */
  abandon(reason: string): Promise<void>
  /** What was paid and what is on its way, msat. */
  readonly paidMsat: bigint
  readonly feesMsat: bigint
}
