import type { JobProgress, JobTerms } from '#spec'
import { fuelFor } from '../../../contracts/job.js'
import type { Clock } from '../../base/clock.js'
import { Stall } from '../../base/timeouts.js'

export interface HireProgress {
  state: string
  fuel: bigint
}

/** Times the agreed running time in which fuel counts as progress: a provider that was restarted runs a job again. */
const RUNS = 2

/**
 * Tells from the reports of a provider whether a job goes on. Its words cost it nothing, so each counts within a bound: a
 * payment always, a state once for each paid segment, and more fuel as far as it is paid for and within the running time
 * that the terms allow.
 */
export class ProgressNews {
  readonly #terms: JobTerms
  readonly #stall: Stall
  readonly #running: Stall
  #states = new Set<string>()
  #fuel = 0n
  #paid = -1

  constructor(terms: JobTerms, stallMs: number, clock?: Clock) {
    this.#terms = terms
    this.#stall = new Stall(stallMs, clock)
    this.#running = new Stall(RUNS * terms.limits.wallMs, clock)
  }

  /** Takes in a report; gives it as it may be shown. */
  take({ state: told, fuel }: Pick<JobProgress, 'state' | 'fuel'>, paid: number): HireProgress {
    const state = /^[A-Z_]{1,32}$/.test(told) ? told : 'UNKNOWN'
    if (paid > this.#paid) {
      this.#paid = paid
      this.#states = new Set()
      this.#stall.moved()
    }
    if (!this.#states.has(state)) {
      this.#states.add(state)
      if (this.#states.size <= MOST_STATES) this.#stall.moved()
    }
    if (fuel > this.#fuel && fuel <= fuelFor(this.#terms, paid)) {
      if (this.#fuel === 0n) this.#running.moved()
      this.#fuel = fuel
      if (!this.#running.isStalled) this.#stall.moved()
    }
    return { state, fuel }
  }

  /** True when there was no progress for too long. */
  get isStalled(): boolean {
    return this.#stall.isStalled
  }
}

/** States that a job of an honest provider can be in before its commitment. */
const MOST_STATES = 8
