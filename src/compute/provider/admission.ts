import type { ComputeAsk, ComputeQuote, ComputeRequest, JobTerms } from '#spec'
import { jobMemory, jobTime } from '../../../contracts/job.js'
import { leastPaymentOf } from '../../../contracts/money/money.js'
import { formatSize, formatTime } from '../../../contracts/money/quantity.js'
import { DeclineError } from '../../deal/decline.js'
import { FUEL_VERSION } from '../fuel/meter.js'
import type { Isolation } from '../sandbox/sandbox.js'

/** The machine's capacity for one more job. */
export interface Capacity {
  isolation: Isolation
  /** True when jobs may run in a plain process where bubblewrap does not work. */
  allowProcess: boolean
  memoryBytes: number
  /** Most time of one job on the clock, ms. */
  maxWallMs: number
  /** Most processor time of one job, with compiling, ms. */
  maxCpuMs: number
  /** Why no job is accepted now, or null. */
  fault: string | null
}

/** What a job needs of the machine: `memory` is that of `jobMemory`, the times are those of `jobTime`. */
export type Needs = Pick<ComputeRequest, 'memory' | 'wallMs' | 'cpuMs' | 'isolation' | 'fuel'>

/** Declines what this machine does not run, by its version of fuel, its ask and its capacity. */
export function assertRunnable(
  { memory, wallMs, cpuMs, isolation, fuel }: Needs,
  asked: ComputeAsk,
  capacity: Capacity
): void {
  if (fuel !== FUEL_VERSION) throw new DeclineError('FUEL', `this node counts fuel as ${FUEL_VERSION}`)
  if (capacity.fault) throw new DeclineError('NO_CAPACITY', capacity.fault)
  if (capacity.isolation === 'process' && (isolation === 'bwrap' || !capacity.allowProcess))
    throw new DeclineError('NOT_ISOLATED', 'bubblewrap does not work on this node')
  const most = Math.min(asked.memory, capacity.memoryBytes)
  if (memory > most)
    throw new DeclineError('NO_CAPACITY', `a job may use at most ${formatSize(most)} of memory here`)
  assertTime(wallMs, capacity.maxWallMs, 'on the clock (--limit wall)')
  assertTime(cpuMs, capacity.maxCpuMs, 'of processors, with compiling (--limit cpu)')
}

function assertTime(asked: number, most: number, what: string): void {
  if (asked <= most) return
  const text = `a job may take at most ${formatTime(most)} ${what} here, and this one asks for ${formatTime(asked)}`
  throw new DeclineError('TIME', text)
}

/** Declines terms of a job that are not those of the quote. */
export function assertQuotedJob(terms: JobTerms, request: ComputeRequest, offer: ComputeQuote): void {
  const { wallMs, cpuMs } = jobTime(terms)
  const same =
    wallMs <= request.wallMs &&
    cpuMs <= request.cpuMs &&
    terms.baseMsat === offer.baseMsat &&
    terms.firstInstallmentMsat === offer.firstInstallmentMsat &&
    terms.maxInstallmentMsat === offer.maxInstallmentMsat &&
    leastPaymentOf(terms) === leastPaymentOf(offer) &&
    terms.maxMsat <= request.maxMsat &&
    terms.fuel === request.fuel &&
    terms.isolation === request.isolation &&
    jobMemory(terms) <= request.memory
  if (!same) throw new DeclineError('TERMS', 'the terms differ from the quote')
}
