import type {
  Job,
  JobEvidence,
  JobOutput,
  JobProgress,
  JobStatement,
  JobTerms,
  SignedJobCommitment,
  SignedJobKey
} from '#spec'
import type { ErrorCode } from '../../../contracts/errors/error-table.js'
import { BushelError } from '../../../contracts/errors/error.js'
import {
  FINAL_INSTALLMENT,
  MAX_REASON,
  commitmentOf,
  faultOfStatement,
  jobId,
  jobSegments,
  keyCommitmentOf
} from '../../../contracts/job.js'
import { verify } from '../../../contracts/keys/signature.js'
import { decode } from '../../../contracts/schema/codec.js'
import { Stall, pause } from '../../base/timeouts.js'
import { requestAgreement } from '../../deal/negotiation/buyer.js'
import type { Deals } from '../../deal/deals.js'
import type { Payment } from '../../payment/ledger.js'
import type { Payments } from '../../payment/payments.js'
import type { Blobs } from '../blobs/blobs.js'
import type { EvidenceFiles } from '../job/evidence-files.js'
import { HireErrors } from './hire-errors.js'
import { JobPayments } from './job-payments.js'
import { ProgressNews } from './progress-news.js'
import type { HireProgress } from './progress-news.js'
import { ProviderLink, RETRY, maySucceed } from './provider-link.js'
import { JOB, isOver } from '../job/job-state.js'
import type { JobRecords, JobState } from '../job/job-records.js'
import { sumsOf, unpackOutput } from '../job/job-archive.js'
import { faultOfOutput } from '../job/output-shape.js'
import { JOB_TIMEOUTS } from '../job/timeouts.js'
import type { JobTimeouts } from '../job/timeouts.js'
import { unseal } from '../job/encryption.js'
import { compute } from '../resource.js'

export interface HireContext {
  deals: Deals
  payments: Payments
  jobs: JobRecords
  blobs: Blobs
  evidence: EvidenceFiles
  now: () => number
  timeouts?: Partial<JobTimeouts>
}

/** Shortest time between two progress requests, ms. */
const POLL = 100

/**
 * One job with one provider, from the signed terms to the opened result. Each step starts from the record on disk, so
 * the same calls continue an interrupted job after a kill. Every message of the provider is checked before a payment.
 */
export class Hire {
  readonly id: Buffer
  readonly terms: JobTerms
  readonly #context: HireContext
  readonly #payments: JobPayments
  readonly #errors: HireErrors
  readonly #link: ProviderLink
  #ciphertext: Buffer | null = null
  /** Called after each payment. */
  onpaid: (payment: Pick<Payment, 'installment' | 'msat'>) => void = () => undefined

  constructor(context: HireContext, job: Job) {
    this.#context = context
    this.terms = job.terms
    this.id = jobId(job.terms)
    const { deals, payments, jobs } = context
    const { id: agreement, device } = this
    this.#errors = new HireErrors({ device, agreement, paidMsat: () => this.paidMsat })
    this.#link = new ProviderLink({
      ...{ deals, device, agreement, timeouts: this.#timeouts },
      silent: why => this.#errors.silent(why)
    })
    this.#payments = new JobPayments({
      payments,
      jobs,
      terms: job.terms,
      timeoutMs: this.#timeouts.payment,
      retryMs: this.#timeouts.retry,
      routeMs: this.#timeouts.route,
      badPeer: why => this.#errors.badPeer(why),
      onpaid: payment => this.onpaid(payment)
    })
  }

  get job(): Job {
    return this.#context.jobs.get('buyer', this.id)!
  }

  get state(): JobState {
    return this.job.state
  }

  get device(): Buffer {
    return this.terms.provider.device
  }

  get identity(): Buffer {
    return this.terms.provider.identity
  }

  get paidMsat(): bigint {
    return this.#payments.paidMsat
  }

  get feesMsat(): bigint {
    return this.#payments.feesMsat
  }

  get #timeouts(): JobTimeouts {
    return { ...JOB_TIMEOUTS, ...this.#context.timeouts }
  }

  /** Gets the provider's signature under the terms and checks that a payment can reach it. Pays nothing. */
  async bind(signal: AbortSignal): Promise<void> {
    const { job } = this
    if (job.state !== JOB.AGREED) return
    const agree = { terms: job.terms, signature: job.signature, quote: job.quote! }
    const channel = await this.#link.channel(signal)
    const answer = await requestAgreement(channel, compute, agree, this.#timeouts.answer)
    const { agreement, signature } = decode('job-countersign', answer)
    if (!agreement.equals(this.id) || !verify('job-terms', job.terms, signature, this.device))
      throw this.#errors.badPeer('its signature under the terms is not valid')
    await this.#save({ state: JOB.BOUND, countersign: signature })
    const { msat, amounts } = firstPayments(job.terms)
    const { lightning } = job.terms.provider
    await this.#context.payments.reach(lightning!, msat, this.#timeouts.reach, { amounts })
  }

  /**
   * Pays each segment when it is due, until the provider has signed a commitment to its result. Rejects with JOB_FAILED
   * when the provider gives up, LATE when the job makes no progress, STALLED when the provider does not answer, BAD_PEER
   * when an answer breaks the terms.
   */
  async untilCommitted(
    signal: AbortSignal,
    onprogress: (progress: HireProgress) => void
  ): Promise<SignedJobCommitment> {
    this.#errors.assertGoing(this.job)
    if (this.job.commitment) return this.job.commitment
    await this.bind(signal)
    const silence = new Stall(this.#timeouts.silence)
    const news = new ProgressNews(this.terms, this.#timeouts.stall)
    for (;;) {
      signal.throwIfAborted()
      const asked = performance.now()
      const progress = await this.#link.progress(signal)
      if (progress) {
        silence.moved()
        const commitment = await this.#advance(progress, signal)
        if (commitment) return commitment
        onprogress(news.take(progress, this.#payments.segments))
      }
      if (silence.isStalled) throw this.#errors.silent('it no longer answers')
      if (news.isStalled) throw this.#errors.late('the job makes no progress')
      const passed = performance.now() - asked
      if (passed < POLL) await pause(POLL - passed, signal)
    }
  }

  /** The provider's signed result, checked against its commitment and the terms. Pays nothing. */
  async reveal(): Promise<JobStatement> {
    this.#errors.assertGoing(this.job)
    const { job } = this
    if (job.statement) return job.statement.statement
    await this.#payments.settle()
    const signed = await this.#link.persist('jobReveal', channel =>
      channel.request('jobReveal', { agreement: this.id }, { timeoutMs: this.#timeouts.answer })
    )
    const { statement, signature } = signed
    if (!verify('job-statement', statement, signature, this.device))
      throw this.#errors.badPeer('its statement is not signed')
    await this.#save({ state: JOB.REVEALED, statement: signed })
    const fault = faultOfStatement(statement, this.terms, this.#payments.segments)
    if (fault) throw await this.#proven('BAD_PEER', `its statement does not fit the terms: ${fault}`)
    const { commitment } = job.commitment!.commitment
    if (!commitmentOf(this.id, statement.result, statement.salt).equals(commitment))
      throw await this.#proven('BAD_PEER', 'its stated result is not the one that it committed to')
    return statement
  }

  /**
   * Fetches the encrypted output, makes the last payment, and decrypts the output with the key sold for it. Rejects with
   * FALSE_KEY or WRONG_OUTPUT when the key or the output is not what was committed to; the evidence proves it to anyone.
   * May be called again afterwards.
   */
  async collect(signal: AbortSignal): Promise<JobOutput> {
    const { output } = await this.#statement()
    const { blobs } = this.#context
    await this.#fetch(output, signal)
    try {
      this.#ciphertext = await blobs.cache.read(this.identity, output.sha256)
      if (!this.job.key) {
        this.#errors.assertGoing(this.job)
        await this.#payLast(signal)
        await this.#takeKey(signal)
      }
      const opened = await this.#open()
      if (!isOver(this.job)) await this.#save({ state: JOB.DONE })
      await this.#release()
      return opened
    } finally {
      await blobs.cache.release(this.identity, output.sha256)
    }
  }

  async #statement(): Promise<JobStatement> {
    return this.job.statement?.statement ?? this.reveal()
  }

  async #fetch(output: JobStatement['output'], signal: AbortSignal): Promise<void> {
    const stream = async () => (await this.#link.channel(signal)).stream
    const silence = new Stall(this.#timeouts.silence)
    let isAnswering = true
    for (;;) {
      try {
        return await this.#context.blobs.bring(output, { from: this.identity, stream, signal })
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof BushelError && error.code === 'BAD_BLOB')
          throw await this.#proven('BAD_PEER', `its encrypted output is not what it stated: ${error.message}`)
        if (!maySucceed(error)) throw error
        if (silence.isStalled)
          throw this.#errors[isAnswering ? 'late' : 'silent']('it does not send its output').withCause(error)
        await pause(RETRY, signal)
        // The provider may have dropped the job: its progress tells.
        const progress = await this.#link.progress(signal)
        if (progress) this.#errors.assertGoesOn(progress)
        else isAnswering = false
      }
    }
  }

  async #payLast(signal: AbortSignal): Promise<void> {
    const { finalMsat: msat, hash } = this.job.statement!.statement
    const silence = new Stall(this.#timeouts.silence)
    while (msat > 0n && !this.#preimage) {
      signal.throwIfAborted()
      try {
        await this.#payments.settle()
        if (this.#preimage) return
        const due = await this.#link.persist('jobFinal', channel =>
          channel.request('jobFinal', { agreement: this.id }, { timeoutMs: this.#timeouts.answer })
        )
        await this.#payments.last(due, { msat, hash }, signal)
      } catch (error) {
        if (!maySucceed(error) || silence.isStalled) throw error
        await pause(RETRY, signal)
      }
    }
  }

  get #preimage(): Buffer | null {
    const { payments } = this.#context
    return payments.ledger.payment(this.id, FINAL_INSTALLMENT)?.preimage ?? null
  }

  async #takeKey(signal: AbortSignal): Promise<void> {
    const preimage = this.#preimage ?? Buffer.alloc(32)
    const paid = { agreement: this.id, installment: FINAL_INSTALLMENT, preimage }
    const signed: SignedJobKey = await this.#link.persist(
      'jobKey',
      channel => channel.request('jobKey', paid, { timeoutMs: this.#timeouts.answer }),
      signal
    )
    const { key, signature } = signed
    if (!key.agreement.equals(this.id) || !verify('job-key', key, signature, this.device))
      throw this.#errors.badPeer('its key is not signed')
    await this.#save({ key: signed })
    const { keyCommitment } = this.job.statement!.statement
    if (!keyCommitmentOf(this.id, key.key, key.salt).equals(keyCommitment))
      throw await this.#proven('FALSE_KEY', 'the key that it sold is not the one that it committed to')
  }

  async #open(): Promise<JobOutput> {
    const { statement, key } = this.job
    const wrong = (why: string) =>
      this.#proven('WRONG_OUTPUT', `the output that its key opens is not the stated one: ${why}`)
    const bytes = await unseal(this.#ciphertext!, key!.key.key)
    if (!bytes) throw await wrong('the key does not decrypt it')
    let output
    try {
      output = await unpackOutput(bytes)
    } catch (error) {
      throw (await wrong(error instanceof Error ? error.message : String(error))).withCause(error)
    }
    const fault = faultOfOutput(output, this.terms.limits)
    if (fault) throw await wrong(fault)
    const sums = await sumsOf(output)
    const { tree, stdout } = statement!.statement.result
    if (!sums.tree.equals(tree) || !sums.stdout.equals(stdout)) throw await wrong('its checksum differs')
    return output
  }

  /** Everything that the provider signed for this job; with the ciphertext once its key is known. */
  evidence(): JobEvidence {
    const { terms, signature, commitment, statement, key } = this.job
    return {
      agree: { terms, signature },
      commitment: commitment ?? null,
      statement: statement ?? null,
      key: key ?? null,
      ciphertext: key ? this.#ciphertext : null
    }
  }

  /** Gives the job up: pays nothing more and tells the provider. */
  async abandon(reason: string): Promise<void> {
    if (isOver(this.job)) return
    const state = this.#payments.untouched ? JOB.VOID : JOB.ENDED
    await this.#save({ state, reason: reason.slice(0, MAX_REASON) })
    await this.#release()
    try {
      const channel = await this.#link.channel()
      await channel.request('jobCancel', { agreement: this.id }, { timeoutMs: this.#timeouts.answer })
    } catch (error) {
      // The provider ends the job by itself when no payment comes.
      if (!(error instanceof BushelError)) throw error
    }
  }

  /** Stops serving the job's blobs. */
  async #release(): Promise<void> {
    const { module, input, provider } = this.terms
    for (const ref of [module, input]) await this.#context.blobs.revoke(ref, provider.device, this.id)
    await this.#context.blobs.sweep()
  }

  /** Pays the segment that a progress report asks for. Returns the commitment when the provider has a result. */
  async #advance(progress: JobProgress, signal: AbortSignal): Promise<SignedJobCommitment | null> {
    const { due, commitment } = progress
    if (commitment) {
      const { agreement } = commitment.commitment
      const isValid =
        agreement.equals(this.id) &&
        verify('job-commitment', commitment.commitment, commitment.signature, this.device)
      if (!isValid) throw this.#errors.badPeer('its commitment is not valid')
      if (this.#payments.segments === 0)
        throw this.#errors.badPeer('it reports a result, but the job was not paid to begin')
      await this.#save({ state: JOB.COMMITTED, commitment })
      return commitment
    }
    this.#errors.assertGoesOn(progress)
    if (due) {
      if (this.#payments.untouched && this.#context.now() > this.terms.startBy)
        throw this.#errors.of('LAPSED', 'the job did not begin in time; nothing was paid')
      try {
        await this.#payments.segment(due, signal)
      } catch (error) {
        if (!maySucceed(error)) throw error
      }
      if (this.state === JOB.BOUND && this.#payments.segments > 0) await this.#save({ state: JOB.RUNNING })
    }
    return null
  }

  /** Throws JOB_OVER instead of reviving a job that was given up meanwhile. */
  async #save(change: Partial<Job>): Promise<void> {
    if (change.state) this.#errors.assertGoing(this.job)
    await this.#context.jobs.save({ ...this.job, ...change })
  }

  /** The error for a fault that the provider's own signatures prove; writes the evidence to disk. */
  async #proven(code: ErrorCode, why: string): Promise<BushelError> {
    const path = await this.#context.evidence.write(this.id, this.evidence())
    return this.#errors.of(code, why, `the evidence is kept in ${path}`)
  }
}

/** The payments that must be possible before a job begins: its base and its first segment. */
export function firstPayments(terms: JobTerms): { msat: bigint; amounts: bigint[] } {
  const amounts = jobSegments(terms).slice(0, 2)
  return { msat: amounts.reduce((sum, msat) => sum + msat, 0n), amounts }
}
