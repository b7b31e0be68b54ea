import type { Column, Described } from '../../deal/resource.js'
import type { WalletCondition } from '../../lightning/wallet.js'
import type { ResourceStatus } from '../trade/parts.js'
import type {
  BidCompute,
  ComputeProgress,
  IsolationName,
  JobEntry,
  JobResult,
  MapResult,
  RunEstimate,
  RunJob,
  RunMap,
  SellCompute
} from './compute-api.js'

/**
 * The calls of a running node, for the command line through the control socket or in the same process. Everything here is
 * plain JSON, so that it crosses the socket unchanged: amounts in msat and prices in msat per TiB and 30 days as
 * strings of digits, times in ms since 1970, durations in ms, sizes in bytes. Keys, devices, identities and the ids of
 * orders, agreements and jobs are z32; payment hashes, preimages, Lightning node ids and SHA-256 sums are hex.
 */

/** Progress of long work: one event for each step or share of it. */
export type Progress =
  | ComputeProgress
  | {
      event: 'progress'
      step: string
      done: number
      total: number
      unit: 'bytes' | 'files' | 'payments' | 'orders'
    }
  | { event: 'note'; message: string }
  | {
      event: 'payment'
      lease: string
      provider: string
      installment: number
      of: number
      msat: string
      feeMsat: string
    }

export interface CallContext {
  onProgress: (progress: Progress) => void
  /** Aborted when the caller goes away or types Ctrl-C. */
  signal: AbortSignal
}

export interface MarketCreate {
  name: string
  /** Overrides of the default rules, as read from the rules file. */
  rules?: Record<string, number>
  dryRun?: boolean
}

export interface MarketEntry {
  key: string
  name: string
  /** Founded here, admitted as a relay, or a reader. */
  role: 'founder' | 'relay' | 'reader'
  used: boolean
}

export interface SellStorage {
  market?: string
  space: number
  price: string
  /** The lowest price at which it sells; never published. `price` by default. */
  floor?: string
  minTime: number
  maxTime: number
  region: string
  /** How long the offer stands, ms. */
  lifetime?: number
  dryRun?: boolean
}

export interface BidStorage {
  market?: string
  path: string
  time: number
  copies: number
  /** The price to open with. */
  offer?: string
  maxPrice: string
  prepayMaxMsat?: string
  dryRun?: boolean
}

export interface Mirror {
  market?: string
  path: string
  copies: number
  time: number
  /** The price to open with; absent: the providers' prices are taken. */
  offer?: string
  /** The highest price; absent: any. */
  maxPrice?: string
  prepayMaxMsat?: string
  dryRun?: boolean
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
  /** Paid ahead and not yet served: what would be lost if every provider vanished now. */
  atRiskMsat: string
  seconds: { pack: number; upload: number }
  dryRun?: boolean
}

export interface Restore {
  link: string
  /** Absolute. */
  dest: string
  force: boolean
  dryRun?: boolean
}

export interface RestoreResult {
  path: string
  files: number
  bytes: number
  sha256: string
  seconds: number
  dryRun?: boolean
}

/** The fields of every order on the book. */
export interface OrderEntry {
  id: string
  identity: string
  device: string
  price: string
  expires: number
}

/** Asks and bids, with the fields that their resource describes them by. */
export interface BookResult<Ask extends Described = Described, Bid extends Described = Described> {
  market: string
  name: string
  viewHash: string
  /** Id of the resource. */
  resource: string
  /** How its prices are written: the first unit that is exact. A price is divided by `times`. */
  prices: { unit: string; times: string }[]
  /** How its orders are shown as tables, beside id, identity and price. */
  columns: { asks: Column[]; bids: Column[] }
  /** Both best first. */
  asks: (OrderEntry & Ask)[]
  bids: (OrderEntry & Bid)[]
  /** False when the node was not in step with the market in time. */
  inStep: boolean
  /** Time of the market's last tick. */
  tick: number
}

export interface BookParams {
  market?: string
  /** Id of a resource; the node's first by default. */
  resource?: string
  limit?: number
  waitMs?: number
}

export interface LeaseEntry {
  id: string
  role: 'buyer' | 'provider'
  /** Of the other side. */
  device: string
  identity: string
  bytes: number
  /** End of what is paid. */
  until: number
  /** End of what is agreed. */
  ends: number
  state: string
  paidMsat: string
  earnedMsat: string
  payments: number
  link?: string
  receipts: { installment: number; msat: string; hash: string; preimage: string }[]
}

export interface WalletResult {
  /** Id of the kind of wallet. */
  backend: string
  network: string
  /** Hex; absent for the embedded wallet. */
  nodeId?: string
  spendableMsat: string
  receivableMsat: string
}

/** A record of the wallet, with its purpose by the ledger. */
export interface WalletEntry {
  direction: 'sent' | 'received'
  /** ms since 1970. */
  at: number
  msat: string
  feeMsat: string
  status: string
  hash: string
  description: string
  /** By the ledger: `installment`, `refund`, `direct`, or null when the ledger does not know it. */
  kind: string | null
  /** z32. */
  agreement: string | null
  installment: number | null
}

export interface LimitsResult {
  dealMsat: string | null
  dayMsat: string | null
  peerMsat: string | null
  feePercent: number
  feeMinMsat: string
  dryRun?: boolean
}

export interface SetLimits {
  dealMsat?: string | null
  dayMsat?: string | null
  peerMsat?: string | null
  feePercent?: number
  feeMinMsat?: string
  dryRun?: boolean
}

export interface PaidInvoice {
  hash: string
  msat: string
  feeMsat: string
  preimage: string
  payee: string
  description: string
  dryRun?: boolean
}

/** The ledger compared with the wallet. Amounts in msat. */
export interface CheckResult {
  ok: boolean
  lines: string[]
  faults: string[]
  paidMsat: string
  receivedMsat: string
  refundedMsat: string
  feesMsat: string
  inFlightMsat: string
  consumedMsat: string
  balanceMsat: string
  owedMsat: string
  ledgerPaidMsat: string
  ledgerReceivedMsat: string
  walletPaidMsat: string
  walletReceivedMsat: string
}

export interface StatusResult {
  identity: string
  device: string
  /** Process id of the running node, or null. */
  pid: number | null
  network: string
  /** Null while the node has not opened its wallet. */
  wallet: WalletCondition | null
  market: string | null
  peers: number
  /** Facts about each resource, by its id, and lines for people. */
  resources: Record<string, ResourceStatus>
  notes: string[]
}

export interface OrderResult {
  id: string
  market: string
  expires: number
  dryRun?: boolean
}

/** Method, parameters and result of every call. */
export interface NodeApi {
  'market.create': [MarketCreate, { key: string; name: string; dryRun?: boolean }]
  'market.join': [{ key: string; dryRun?: boolean }, { key: string; name: string; dryRun?: boolean }]
  'market.use': [{ market: string; dryRun?: boolean }, { key: string; name: string; dryRun?: boolean }]
  'market.list': [Record<string, never>, { markets: MarketEntry[] }]
  'market.admit': [
    { market?: string; device: string; dryRun?: boolean },
    { device: string; market: string; dryRun?: boolean }
  ]
  'sell.storage': [SellStorage, OrderResult]
  'bid.storage': [BidStorage, OrderResult]
  withdraw: [{ id: string; dryRun?: boolean }, { id: string; dryRun?: boolean }]
  book: [BookParams, BookResult]
  'sell.compute': [SellCompute, OrderResult & { isolation: IsolationName }]
  'sell.pause': [{ paused: boolean; dryRun?: boolean }, { paused: boolean; dryRun?: boolean }]
  'bid.compute': [BidCompute, OrderResult]
  run: [RunJob, JobResult]
  'run.map': [RunMap, MapResult]
  'run.estimate': [RunJob | RunMap, RunEstimate]
  jobs: [Record<string, never>, { jobs: JobEntry[] }]
  'job.cancel': [{ id: string; dryRun?: boolean }, { id: string; state: string; dryRun?: boolean }]
  mirror: [Mirror, MirrorResult]
  restore: [Restore, RestoreResult]
  leases: [Record<string, never>, { leases: LeaseEntry[] }]
  'leases.end': [{ id: string; dryRun?: boolean }, { id: string; state: string; dryRun?: boolean }]
  wallet: [Record<string, never>, WalletResult]
  'wallet.history': [{ limit?: number }, { records: WalletEntry[] }]
  'wallet.invoice': [
    { msat: string; description: string; expirySeconds: number; dryRun?: boolean },
    { invoice: string; hash: string; msat: string; dryRun?: boolean }
  ]
  'wallet.pay': [{ invoice: string; maxMsat?: string; dryRun?: boolean }, PaidInvoice]
  'wallet.limits': [SetLimits, LimitsResult]
  'log.check': [Record<string, never>, CheckResult]
  status: [Record<string, never>, StatusResult]
}

export type Method = keyof NodeApi
export type Params<M extends Method> = NodeApi[M][0]
export type Result<M extends Method> = NodeApi[M][1]

/** A node in this process, or another's behind its control socket. Rejects with BushelError. */
export interface NodeCaller {
  call<M extends Method>(method: M, params: Params<M>, context: CallContext): Promise<Result<M>>
}
