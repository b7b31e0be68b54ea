/**
 * What a running node can be asked about jobs; the rules of api.ts hold: plain JSON, amounts in msat, prices in msat per
 * Tfuel and fuel as strings of digits, times in ms, sizes in bytes, keys in z32.
 */

export type IsolationName = 'bwrap' | 'process'
export type JobStatusName = 'ok' | 'trap' | 'limit' | 'rejected' | 'disputed'

export interface SellCompute {
  market?: string
  /** Jobs that run at the same time at the most. */
  cores: number
  /** Of all jobs together, bytes. */
  memory: number
  price: string
  /** The lowest price at which it sells; never published. `price` by default. */
  floor?: string
  baseMsat: string
  region: string
  /** Jobs run only while the machine has nothing else to do. */
  onlyIdle: boolean
  /** Minutes of the day, in the zone of the machine; null is always. */
  hours: { from: number; to: number } | null
  /** Sell without bubblewrap. */
  allowProcess: boolean
  /** How long the offer stands, ms. */
  lifetime?: number
  dryRun?: boolean
}

/** Limits that differ from the usual ones. */
export interface JobLimitSettings {
  wallMs?: number
  cpuMs?: number
  memoryBytes?: number
  outputBytes?: number
  stdoutBytes?: number
  stderrBytes?: number
  inodes?: number
  compileMs?: number
}

/** What a job is; every path is absolute. */
export interface JobParams {
  module: string
  /** A folder whose files are under `/in`, or one file; none is an empty `/in`. */
  input?: string
  /** A file whose bytes are the program's standard input. */
  stdin?: string
  args: string[]
  limits: JobLimitSettings
  /** What all its randomness comes from, hex of 32 bytes; by default from module, input and arguments. */
  seed?: string
  /** Where what the program leaves under `/out` is written. */
  out?: string
  /** Overwrite files in `out` that are different. */
  force: boolean
}

export interface BuyParams {
  market?: string
  /** How many identities run it, or as many as their record asks for. */
  verify: number | 'auto'
  /** Most to pay for it, over all providers. */
  maxMsat: string
  /** The price to open with; absent: the providers' prices are taken. */
  offer?: string
  /** Highest price; absent: any. */
  maxPrice?: string
}

/** One job for each file that a pattern names. */
export interface MapParams {
  /** Absolute; `pattern` is relative to it. */
  base: string
  pattern: string
  /** Jobs at the same time. */
  parallel: number
}

export type RunJob = JobParams & BuyParams
export type RunMap = Omit<RunJob, 'input' | 'stdin'> & { map: MapParams }
export type RunLocal = JobParams
export type MapLocal = Omit<JobParams, 'input' | 'stdin'> & { map: MapParams }

export interface JobProvider {
  device: string
  identity: string
  /** What the ledger names its payments by. */
  agreement: string
  fuel: string
  /** Empty until it has shown one. */
  hash: string
  /** msat. */
  paid: string
  verdict: 'equal' | 'other' | 'failed' | 'open'
  note: string
}

export interface JobResult {
  /** Empty for a job that was run at home. */
  id: string
  status: JobStatusName
  /** Which limit stopped it, when `status` is `limit`. */
  limit: string | null
  /** One line for people; empty when ok. */
  reason: string
  /** -1 when it did not end by itself. */
  exitCode: number
  fuel: string
  /** The checksum of the output tree, then that of standard output, hex. */
  hash: string
  /** The folder that was written, or null. */
  out: string | null
  paidMsat: string
  feesMsat: string
  providers: JobProvider[]
  /** Files that prove what a provider did. */
  evidence: string[]
  seconds: number
}

/** As a run at home tells it: nothing is paid. */
export interface LocalResult extends JobResult {
  isolation: IsolationName
  cpuMs: number
  peakBytes: number
}

/** A job of a map: its input's name, and how it went. */
export type MapEntry = { input: string } & (
  (JobResult & { error?: never }) | { error: { code: string; exit: number; message: string; hint: string } }
)

export interface MapResult {
  jobs: MapEntry[]
  ok: number
  failed: number
  paidMsat: string
  feesMsat: string
  seconds: number
}

/** What a job would be paid for, and by whom it could be run. */
export interface RunEstimate {
  /** Jobs that would be run: 1, or as many as the pattern names files. */
  jobs: number
  moduleBytes: number
  inputBytes: number
  /** Identities that fit. */
  providers: number
  /** Of the dearest of those that would be chosen. */
  price: string
  baseMsat: string
  /** What it can come to at the most, over all jobs. */
  maxMsat: string
  /** All the fuel that it buys at that price, for one run of one job. */
  fuel: string
  dryRun: true
}

export interface BidCompute extends RunJob {
  maxPrice: string
  dryRun?: boolean
}

export interface JobEntry {
  id: string
  name: string
  created: number
  state: string
  status: string | null
  exitCode: number | null
  fuel: string
  hash: string
  paidMsat: string
  providers: JobProvider[]
}

export type ComputeProgress =
  /** What the program printed, in portions, in order. `job` is the input's name in a map. */
  | { event: 'output'; stream: 'stdout' | 'stderr'; base64: string; job?: string }
  | { event: 'job'; provider: string; state: string; fuel: string; job?: string }
  | {
      event: 'segment'
      provider: string
      part: 'base' | 'segment' | 'rest'
      /** Of a segment its number, from 1. */
      installment: number
      msat: string
      job?: string
    }
  /** One job of a map is over. */
  | { event: 'mapped'; job: string; ok: boolean; done: number; total: number }
