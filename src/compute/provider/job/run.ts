import type { JobTerms } from '#spec'
import { BushelError } from '../../../../contracts/errors/error.js'
import { fuelFor, mostFuel } from '../../../../contracts/job.js'
import { least } from '../../../../contracts/money/money.js'
import type { WorkSchedule } from '../schedule.js'
import type { Unpacked } from '../../job/job-archive.js'
import type { JobSlot } from '../slots.js'
import type { Outcome, Sandbox } from '../../sandbox/sandbox.js'

/** Fuel of one grant, a fraction of a second, so that the owner can take the machine back at any time. */
const PORTION = 250_000_000n

export interface JobRunOptions {
  terms: JobTerms
  module: Buffer
  input: Pick<Unpacked, 'files'> & { stdin: Buffer }
  sandbox: Sandbox
  schedule: WorkSchedule
  slot: JobSlot
  /** Number of paid segments. */
  paidSegments: () => number
  /** Resolves when more than `segments` segments are paid; rejects when they are not paid in time. */
  whenPaid: (segments: number) => Promise<void>
  tell: (state: 'QUEUED' | 'RUNNING' | 'PAUSED' | 'WAITING', fuel: bigint) => void
  signal: AbortSignal
}

/** Runs a job in the sandbox, at most one segment of fuel ahead of payment, and only when the schedule allows it. */
export async function runJob(options: JobRunOptions): Promise<Outcome> {
  const { terms, module, input, sandbox, schedule, signal, tell, paidSegments } = options
  if (!schedule.open) await paused(options, 0n)
  tell('RUNNING', 0n)
  return sandbox.run(
    {
      module,
      args: terms.args,
      stdin: input.stdin,
      files: input.files,
      seed: terms.seed,
      limits: terms.limits,
      fuel: least(fuelFor(terms, paidSegments()), PORTION)
    },
    { refuel: used => refuel(options, used), signal }
  )
}

async function refuel(options: JobRunOptions, used: bigint): Promise<bigint | null> {
  const { terms, schedule, slot, paidSegments, whenPaid, tell, signal } = options
  if (!schedule.open) await paused(options, used)
  for (;;) {
    const paid = paidSegments()
    const allowed = fuelFor(terms, paid)
    if (used < allowed) {
      tell('RUNNING', used)
      return least(allowed - used, PORTION)
    }
    if (used >= mostFuel(terms)) return null
    slot.rest()
    tell('WAITING', used)
    await whenPaid(paid)
    tell('QUEUED', used)
    await slot.resume(signal)
  }
}

async function paused({ schedule, slot, signal, tell }: JobRunOptions, used: bigint): Promise<void> {
  slot.rest()
  tell('PAUSED', used)
  await schedule.whenOpen(signal)
  await slot.resume(signal)
}

/** The error of a job that was not paid in time. */
export function unpaid(segment: number): BushelError {
  return new BushelError(
    'JOB_UNPAID',
    `segment ${segment} was not paid in time`,
    'the provider has ended the job'
  )
}
