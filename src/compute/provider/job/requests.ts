import type { Job, JobDue, JobProgress } from '#spec'
import { BushelError } from '../../../../contracts/errors/error.js'
import { FINAL_INSTALLMENT, jobId } from '../../../../contracts/job.js'
import type { Answer, Counterparty, DealChannel, Handler } from '../../../deal/channel.js'
import { Scope } from '../../../base/scope.js'
import { DeclineError } from '../../../deal/decline.js'
import type { Deals } from '../../../deal/deals.js'
import type { Payments } from '../../../payment/payments.js'
import { timeoutSignal } from '../../../base/timeouts.js'
import type { Blobs } from '../../blobs/blobs.js'
import { JOB, isLeft, isOver, isRevealed, jobStates } from '../../job/job-state.js'
import { dueOf } from './billing.js'
import type { WorkState } from './work.js'
import type { OpenJobs } from '../open-jobs.js'

/** The state of the work on a job. */
export interface JobFacts {
  state: WorkState
  fuel: bigint
  /** Number of segments that were paid when it started to wait for the next one. */
  paid: number
}

export interface JobCounterOptions {
  deals: Deals
  payments: Payments
  blobs: Blobs
  jobs: OpenJobs
  /** The state of the work on a job; null without running work. */
  standing(key: string): JobFacts | null
  /** Called when everything is paid, so that the buyer may open the result. */
  settle(job: Job): Promise<void>
  /** Called when the output was fetched. */
  close(job: Job): Promise<void>
  cancel(agreement: Buffer): Promise<void>
  /** How long to wait for our own wallet after the payer says that it paid, ms. */
  receiveMs?: number
}

/** How long an answer without news is held, ms, and how many are held per channel. */
const HOLD = 2000
const HELD = 4
const WAIT_FOR_PAYMENT = 10_000

/**
 * Answers a buyer's requests about an agreed job until it is closed: progress, the payment that is due, the result and
 * its key.
 */
export class JobCounter {
  readonly #options: JobCounterOptions
  readonly #handlers = new Scope()
  readonly #held = new WeakMap<DealChannel, number>()

  constructor(options: JobCounterOptions) {
    this.#options = options
    const { deals } = options
    const progress: Handler<'jobProgress'> = ({ agreement }, peer, channel) =>
      this.#progress(agreement, peer, channel)
    this.#handlers.add(deals.handle('jobProgress', progress))
    this.#handlers.add(deals.handle('jobReveal', ({ agreement }, peer) => this.#reveal(agreement, peer)))
    this.#handlers.add(deals.handle('jobFinal', ({ agreement }, peer) => this.#final(agreement, peer)))
    this.#handlers.add(deals.handle('jobKey', ({ agreement }, peer) => this.#key(agreement, peer)))
    this.#handlers.add(deals.handle('jobCancel', ({ agreement }, peer) => this.#cancel(agreement, peer)))
  }

  close(): Promise<void> {
    return this.#handlers.close()
  }

  async #progress(
    agreement: Buffer,
    peer: Counterparty,
    channel: DealChannel
  ): Promise<Answer<'jobProgress'>> {
    const { jobs } = this.#options
    const body = await this.#standing(jobs.of(agreement, peer))
    const held = this.#held.get(channel) ?? 0
    if (body.due || body.commitment || body.reason || held >= HELD || channel.closing) return { body }
    this.#held.set(channel, held + 1)
    try {
      const over = AbortSignal.any([timeoutSignal(HOLD), channel.over])
      await jobs.whenRung(agreement.toString('hex'), over)
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'AbortError') throw error
    } finally {
      this.#held.set(channel, this.#held.get(channel)! - 1)
    }
    return { body: await this.#standing(jobs.of(agreement, peer)) }
  }

  async #standing(job: Job): Promise<JobProgress> {
    const key = jobId(job.terms).toString('hex')
    const { commitment, reason } = job
    const state = jobStates.nameOf(job.state)
    if (isLeft(job)) return { state, fuel: 0n, reason: reason ?? state }
    if (commitment) return { state, fuel: job.statement!.statement.result.fuel, commitment }
    const live = this.#options.standing(key)
    const progress = { state: live?.state ?? state, fuel: live?.fuel ?? 0n }
    const due = await this.#due(key, () => this.#segmentDue(key))
    return due ? { ...progress, due } : progress
  }

  /** The installment that is due: the base, or the segment that the work waits for; null when none is. */
  #segmentDue(key: string): number | null {
    const { jobs, payments, standing } = this.#options
    const job = jobs.get(key)
    if (job?.state === JOB.AGREED) return 0
    const live = standing(key)
    if (!job || live?.state !== 'WAITING') return null
    return payments.ledger.contiguous(jobId(job.terms)) === live.paid ? live.paid : null
  }

  /** Requests a payment under the job's lock, so that no payment is requested for a job that has just ended. */
  async #due(key: string, installmentDue: () => number | null): Promise<JobDue | null> {
    const { jobs } = this.#options
    if (installmentDue() === null) return null
    return jobs.inTurn(key, async () => {
      const installment = installmentDue()
      if (installment === null) return null
      try {
        return await dueOf(this.#options, jobs.get(key)!, installment)
      } catch (error) {
        if (error instanceof BushelError && error.code === 'INSTALLMENT_REFUSED') return null
        throw error
      }
    })
  }

  async #reveal(agreement: Buffer, peer: Counterparty): Promise<Answer<'jobReveal'>> {
    const { jobs, blobs } = this.#options
    const job = jobs.of(agreement, peer)
    if (isLeft(job))
      throw new DeclineError('NO_RESULT', `the job is over: ${job.reason ?? jobStates.nameOf(job.state)}`)
    if (!job.statement) throw new DeclineError('NO_RESULT', 'the job has no result yet')
    if (!isOver(job)) blobs.grant(job.statement.statement.output, peer.device, agreement)
    if (job.state === JOB.COMMITTED) await jobs.save({ ...job, state: JOB.REVEALED })
    return { body: job.statement }
  }

  async #final(agreement: Buffer, peer: Counterparty): Promise<Answer<'jobFinal'>> {
    const { jobs } = this.#options
    const key = agreement.toString('hex')
    const { state, statement } = jobs.of(agreement, peer)
    if (state === JOB.REVEALED && statement!.statement.finalMsat === 0n)
      throw new DeclineError('NOTHING_DUE', 'the job is paid in full')
    const due = await this.#due(key, () => (jobs.get(key)?.state === JOB.REVEALED ? FINAL_INSTALLMENT : null))
    if (!due)
      throw new DeclineError('NOTHING_DUE', `the job is ${jobStates.nameOf(jobs.of(agreement, peer).state)}`)
    return { body: due }
  }

  async #key(agreement: Buffer, peer: Counterparty): Promise<Answer<'jobKey'>> {
    const { jobs, payments, blobs, settle, close, receiveMs = WAIT_FOR_PAYMENT } = this.#options
    const job = jobs.of(agreement, peer)
    if (!isRevealed(job)) throw new DeclineError('NO_RESULT', 'the result was not revealed yet')
    const { finalMsat: last, output } = job.statement!.statement
    if (last > 0n && !(await payments.wasReceived(agreement, FINAL_INSTALLMENT, receiveMs)))
      throw new DeclineError('NOT_RECEIVED', 'the last payment has not arrived')
    await settle(jobs.of(agreement, peer))
    if (blobs.wasSent(output, peer.device)) await close(jobs.of(agreement, peer))
    return { body: job.key! }
  }

  async #cancel(agreement: Buffer, peer: Counterparty): Promise<Answer<'jobCancel'>> {
    const { jobs, close, cancel } = this.#options
    const job = jobs.of(agreement, peer)
    if (job.state === JOB.PAID) await close(job)
    else if (!isOver(job)) await cancel(agreement)
    return { body: { ok: 1 } }
  }
}
