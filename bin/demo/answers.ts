import type { BookResult, CheckResult, LeaseEntry } from '../../src/node/api/api.js'

/** The fields of the executable's JSON that the demo reads: amounts in msat as strings, times in ms since 1970. */
export type {
  CheckResult,
  LeaseEntry,
  MirrorEntry,
  MirrorResult,
  RestoreResult,
  StatusResult
} from '../../src/node/api/api.js'

export type StorageBook = BookResult<{ space: number }>
export type ComputeBook = BookResult<{ cores: number; memory: number }>

/** The audits of a mirror's copies. */
export interface CheckedMirror {
  copies: { lease: string; result: string; why?: string }[]
}

export interface MarketResult {
  key: string
  name: string
}

export type Receipt = LeaseEntry['receipts'][number]

export type MirrorProgress =
  | { event: 'progress'; step: string; done: number; total: number; unit: string }
  | { event: 'note'; message: string }
  | { event: 'payment'; provider: string; installment: number; of: number; msat: string }

/** The balance check of one node. */
export interface Books {
  who: string
  check: CheckResult
}

/** The result of a job; `hash` is the SHA-256 of its files followed by that of its standard output, hex. */
export interface LocalRunResult {
  status: string
  reason: string
  exitCode: number
  fuel: string
  hash: string
}

export interface RunResult extends LocalRunResult {
  paidMsat: string
  providers: { device: string; fuel: string; hash: string; paid: string; verdict: string }[]
  /** Paths of evidence files. */
  evidence: string[]
}

export interface EvidenceResult {
  ok: boolean
  agreement: string
  provider: string
  stated: { hash: string } | null
}

export type JobProgress =
  | { event: 'output'; stream: 'stdout' | 'stderr'; base64: string }
  | { event: 'job'; provider: string; state: string }
