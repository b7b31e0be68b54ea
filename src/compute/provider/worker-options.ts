import type { Msat } from '../../../contracts/money/money.js'
import { GIB, HOUR } from '../../../contracts/money/quantity.js'
import type { Deals } from '../../deal/deals.js'
import type { Payments } from '../../payment/payments.js'
import type { Blobs } from '../blobs/blobs.js'
import type { JobRecords } from '../job/job-records.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import type { WorkOptions } from './job/work.js'
import type { ScheduleSettings } from './schedule.js'
import type { Logger } from '../../base/logger.js'

/** The owner's limits for jobs on this machine. */
export interface WorkerSettings extends ScheduleSettings {
  /** Most jobs at the same time. */
  cores: number
  /** Memory for all jobs together, bytes. */
  memoryBytes: number
  /** Most time of one job on the clock, without waits, ms. */
  maxWallMs: number
  /** Most processor time of one job, with compiling, ms. */
  maxCpuMs: number
  /** Run jobs in a plain process where bubblewrap does not work. */
  allowProcess: boolean
}

export interface WorkerOptions extends Pick<WorkOptions, 'unpaidMs' | 'fetchMs'> {
  deals: Deals
  /** True when `msat` can be received from this Lightning node. */
  canReceive: (from: Buffer, msat: Msat) => Promise<boolean>
  /** The least payment to state to buyers, msat; null, and without it: LEAST_PAYMENT. */
  statedLeast?: () => Promise<Msat | null>
  now: () => number
  settings?: Partial<WorkerSettings>
  payments: Payments
  jobs: JobRecords
  blobs: Blobs
  openSandbox?: () => Sandbox
  log: Logger
  /** Number of processors that other programs keep busy; measured by default. */
  busy?: () => number
  /** How long to wait for our own wallet after the payer says that it paid, ms. */
  receiveMs?: number
  /** How long an unpaid result is kept, ms. */
  keepMs?: number
  /** ms between two looks for expired jobs. */
  tickEvery?: number
}

export const WORKER_SETTINGS: WorkerSettings = {
  cores: 1,
  memoryBytes: GIB,
  maxWallMs: HOUR,
  maxCpuMs: HOUR,
  hours: null,
  onlyIdle: false,
  allowProcess: false
}
