import { GIB } from '../../../contracts/money/quantity.js'
import type { Payments } from '../../payment/payments.js'
import type { Blobs } from '../blobs/blobs.js'
import type { JobRecords } from '../job/job-records.js'
import type { Sandbox } from '../sandbox/sandbox.js'
import type { DeskOptions } from './admission.js'
import type { WorkOptions } from './job-work.js'
import type { ScheduleSettings } from './schedule.js'
import type { Logger } from '../../base/logger.js'

/** What the owner lends of the machine. */
export interface WorkerSettings extends ScheduleSettings {
  /** Jobs at once. */
  cores: number
  /** For all jobs together, bytes. */
  memoryBytes: number
  /** Run jobs in a process alone, where bubblewrap does not work. */
  allowProcess: boolean
}

export interface WorkerOptions extends DeskOptions, Pick<WorkOptions, 'unpaidMs' | 'fetchMs'> {
  settings?: Partial<WorkerSettings>
  payments: Payments
  jobs: JobRecords
  blobs: Blobs
  openSandbox?: () => Sandbox
  log: Logger
  /** Processors that others keep busy; measured by default. */
  busy?: () => number
  /** How long the word of a payer is held against our own wallet, ms. */
  receiveMs?: number
  /** How long a result that is not paid is kept, ms. */
  keepMs?: number
  /** ms between looks at what has run out. */
  tickEvery?: number
}

export const WORKER_SETTINGS: WorkerSettings = {
  cores: 1,
  memoryBytes: GIB,
  hours: null,
  onlyIdle: false,
  allowProcess: false
}
