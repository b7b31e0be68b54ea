import type { Job, JobProgress } from '#spec'
import type { ErrorCode } from '../../../contracts/errors/error-table.js'
import { BushelError } from '../../../contracts/errors/error.js'
import { MAX_REASON } from '../../../contracts/job.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { oneLine } from '../../../contracts/text.js'
import { isLeft, jobStates, saysLeft } from '../job/job-state.js'

/** The errors of one job with one provider; each names the provider. */
export class HireErrors {
  readonly #device: Buffer
  readonly #agreement: Buffer
  readonly #paidMsat: () => bigint

  constructor(options: { device: Buffer; agreement: Buffer; paidMsat: () => bigint }) {
    this.#device = options.device
    this.#agreement = options.agreement
    this.#paidMsat = options.paidMsat
  }

  of(code: ErrorCode, why: string, hint?: string): BushelError {
    return new BushelError(code, `${this.#name}: ${why} (agreement ${shortKey(this.#agreement)})`, hint)
  }

  badPeer(why: string): BushelError {
    return this.of('BAD_PEER', why)
  }

  /** For a provider that answers, and does not go on. */
  late(why: string): BushelError {
    return this.of(this.#paidMsat() === 0n ? 'NOT_BEGUN' : 'LATE', why)
  }

  /** For a provider that does not answer: nobody can tell whether it or our own network is the cause. */
  silent(why: string): BushelError {
    return this.of(this.#paidMsat() === 0n ? 'NOT_BEGUN' : 'STALLED', why)
  }

  /** Throws JOB_OVER when the record says that the job ended without a result. */
  assertGoing({ state, reason }: Job): void {
    if (!isLeft({ state })) return
    throw new BushelError(
      'JOB_OVER',
      `the job at ${this.#name} is over: ${reason ?? jobStates.nameOf(state)}`
    )
  }

  /** Throws when the provider reports that it gave the job up. */
  assertGoesOn({ state, reason }: JobProgress): void {
    if (!reason && !saysLeft(state)) return
    const words = oneLine(reason ?? state, MAX_REASON)
    throw new BushelError(
      this.#paidMsat() === 0n ? 'NOT_BEGUN' : 'JOB_FAILED',
      `${this.#name} gave the job up: ${words}`
    )
  }

  get #name(): string {
    return shortKey(this.#device)
  }
}
