import type { BushelError } from '../../../../contracts/errors/error.js'
import type { SandboxFile, SandboxLimits } from '../../sandbox/job.js'

/** A job that is to be run at providers of a market. */
export interface RunRequest {
  market: Buffer
  /** What people call it: the module's file name. */
  name: string
  module: Buffer
  input: { stdin: Buffer; files: SandboxFile[] }
  args: string[]
  /** So many different identities run it; `auto`: one, and a second as often as its record asks for. */
  verify: number | 'auto'
  /** Most that the run costs, over all providers, msat. */
  maxMsat: bigint
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
   * `equal`: its result was accepted. `other`: it was not, and stands as evidence. `failed`: it gave none. `open`: it is
   * at work, or its result has not been judged.
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
  /** `installment` is 0 for the base, a segment's number, or `FINAL_EPOCH` for the rest. */
  paid(payment: { provider: string; msat: bigint; installment: number }): void
}

export interface JobView {
  id: Buffer
  name: string
  created: number
  state: string
  status: string | null
  exitCode: number | null
  fuel: bigint
  hash: string
  paidMsat: bigint
  providers: ProviderView[]
}

/** One of many: its outcome, or why it has none. */
export interface MapOutcome {
  index: number
  outcome: RunOutcome | null
  error: BushelError | null
}
