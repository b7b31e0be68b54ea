import type { StateOf } from '#spec'
import type { BushelError } from '../../../../contracts/errors/error.js'
import type { SandboxFile, SandboxLimits } from '../../sandbox/job.js'

/** A job to run on providers of a market. */
export interface RunRequest {
  market: Buffer
  /** Display name: the module's file name. */
  name: string
  module: Buffer
  input: { stdin: Buffer; files: SandboxFile[] }
  args: string[]
  /** Number of different identities that run it; `auto`: one, and at times a second one to check the first. */
  verify: number | 'auto'
  /** Most that all providers together are paid, msat. */
  maxMsat: bigint
  /** The price to open with, per Tfuel, msat; null to take those of the providers. */
  offer: bigint | null
  /** Most per Tfuel, msat. */
  maxPrice: bigint | null
  limits: SandboxLimits
  seed: Buffer
  isolation: 'bwrap' | 'any'
}

export interface ProviderView {
  /** Its keys, and the id of its agreement, in z32. */
  device: string
  identity: string
  agreement: string
  fuel: bigint
  hash: string
  paidMsat: bigint
  /**
   * `equal`: its result was accepted. `other`: its result differed and is kept as evidence. `failed`: it gave no result.
   * `open`: it is running, or its result is not judged yet.
   */
  verdict: 'equal' | 'other' | 'failed' | 'open'
  note: string
}

export interface RunOutcome {
  id: Buffer
  status: 'ok' | 'trap' | 'limit' | 'rejected' | 'disputed'
  limit: string | null
  reason: string
  /** -1 when the program did not end by itself. */
  exitCode: number
  fuel: bigint
  hash: string
  stdout: Buffer
  stderr: Buffer
  files: SandboxFile[]
  paidMsat: bigint
  feesMsat: bigint
  providers: ProviderView[]
  /** Paths of evidence files. */
  evidence: string[]
  seconds: number
}

export interface RunListener {
  note(message: string): void
  state(progress: { provider: string; state: string; fuel: bigint }): void
  /** `installment` is 0 for the base, `FINAL_INSTALLMENT` for the last payment, or else the number of a segment. */
  paid(payment: { provider: string; msat: bigint; installment: number }): void
}

export interface JobView {
  id: Buffer
  name: string
  created: number
  state: StateOf<'run'>
  status: string | null
  exitCode: number | null
  fuel: bigint
  hash: string
  /** Its output is in the home. */
  isKept: boolean
  paidMsat: bigint
  providers: ProviderView[]
}

/** The outcome of one of many jobs, or the error that ended it. */
export interface MapOutcome {
  index: number
  outcome: RunOutcome | null
  error: BushelError | null
}
