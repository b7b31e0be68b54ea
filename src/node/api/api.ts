import type { Params, Result } from './calls.js'

/** The types of the calls, for the command line and others that call a node; they derive from the declarations. */

export type { CallContext } from './definition/call.js'
export type { Progress } from './definition/events.js'
export type { Method, NodeCaller, OfflineMethod, Params, Result } from './calls.js'
export type { BookResult } from './book.js'
export type { OrderResult } from './orders.js'
export type {
  BuyParams,
  JobEntry,
  JobLimitSettings,
  JobParams,
  JobProvider,
  JobResult,
  LocalResult,
  MapParams,
  MapResult,
  RunJob
} from './compute/job-fields.js'

export type CheckResult = Result<'log.check'>
export type LeaseEntry = Result<'leases'>['leases'][number]
export type MirrorResult = Result<'mirror'>
export type MirrorEntry = Result<'mirrors'>['mirrors'][number]
export type RestoreResult = Result<'restore'>
export type RunEstimate = Result<'run.estimate'>
export type SetLimits = Params<'wallet.limits'>
export type StatusResult = Result<'status'>
export type WalletEntry = Result<'wallet.history'>['records'][number]
export type WalletResult = Result<'wallet'>
