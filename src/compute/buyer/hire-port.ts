import type { JobEvidence, JobOutput, JobStatement, JobTerms, SignedJobCommitment } from '#spec'
import type { HireRequest } from './hires.js'

export type { LocalBlob } from '../blobs/blobs.js'
export type { BookedComputeAsk, HireRequest, PackedJob } from './hires.js'

/** The part of `Hires` that a run uses. */
export interface HirePort {
  /** Resolves when both sides have signed. Pays nothing. */
  agree(request: HireRequest, signal: AbortSignal): Promise<Hire>
  /** An agreement made by an earlier process of this node, or null when none has this id. */
  resume(id: Buffer): Hire | null
}

/** One job with one provider, as a run uses it. */
export interface Hire {
  /** The agreement's id. */
  readonly id: Buffer
  readonly device: Buffer
  readonly identity: Buffer
  readonly terms: JobTerms
  /** Called after each payment that settles in this process. Installment 0 is the base, `FINAL_INSTALLMENT` the last. */
  onpaid: (payment: { installment: number; msat: bigint }) => void
  untilCommitted(
    signal: AbortSignal,
    onprogress: (progress: { state: string; fuel: bigint }) => void
  ): Promise<SignedJobCommitment>
  /** The statement, checked against commitment and terms. Rejects with BAD_PEER and keeps the evidence. */
  reveal(): Promise<JobStatement>
  /** Fetches, pays and opens the stated output. Rejects with FALSE_KEY or WRONG_OUTPUT and keeps the evidence. */
  collect(signal: AbortSignal): Promise<JobOutput>
  evidence(): JobEvidence
  /** Ends the job; nothing more is paid for it. */
  abandon(reason: string): Promise<void>
  /** Paid and in flight, msat. */
  readonly paidMsat: bigint
  readonly feesMsat: bigint
}
