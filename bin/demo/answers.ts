/** The fields of the executable's JSON that the demo reads: amounts in msat as strings, times in ms since 1970. */

export interface MarketResult {
  key: string
  name: string
}

export interface BookResult {
  viewHash: string
  asks: { id: string; identity: string; device: string; space: number; price: string }[]
}

export interface MirrorResult {
  link: string
  files: number
  bytes: number
  storedBytes: number
  copies: number
  leases: string[]
  paidMsat: string
  feesMsat: string
  seconds: { pack: number; upload: number }
}

export interface RestoreResult {
  files: number
  bytes: number
  sha256: string
  seconds: number
}

export interface Receipt {
  installment: number
  msat: string
  hash: string
  preimage: string
}

export interface LeaseEntry {
  id: string
  role: 'buyer' | 'provider'
  device: string
  bytes: number
  until: number
  state: string
  paidMsat: string
  earnedMsat: string
  receipts: Receipt[]
}

export interface StatusResult {
  shelf: { usedBytes: number; egressBytes: number }
}

/** The balance check of `log --check`: paid (or received) - refunded - consumed - in flight = balance (or owed). */
export interface CheckResult {
  ok: boolean
  faults: string[]
  paidMsat: string
  receivedMsat: string
  refundedMsat: string
  consumedMsat: string
  inFlightMsat: string
  balanceMsat: string
  owedMsat: string
  ledgerPaidMsat: string
  ledgerReceivedMsat: string
  walletPaidMsat: string
  walletReceivedMsat: string
}

export type MirrorProgress =
  | { event: 'progress'; step: string; done: number; total: number; unit: string }
  | { event: 'note'; message: string }
  | { event: 'payment'; provider: string; installment: number; of: number; msat: string }

/** The balance check of one node. */
export interface Books {
  who: string
  check: CheckResult
}

export interface ComputeBook {
  asks: { device: string; cores: number; memory: number }[]
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
