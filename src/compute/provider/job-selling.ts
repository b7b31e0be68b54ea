import type { ComputeAsk, ComputeQuote, ComputeRequest, Job, JobTerms } from '#spec'
import { INSTALLMENT_CAP, jobId, jobMemory, jobSegments, jobTime } from '../../../contracts/job.js'
import { formatAmount, least, leastPaymentOf, most } from '../../../contracts/money/money.js'
import type { Msat } from '../../../contracts/money/money.js'
import { encode } from '../../../contracts/schema/codec.js'
import { sign } from '../../../contracts/keys/signature.js'
import type { Counterparty } from '../../deal/channel.js'
import { DeclineError } from '../../deal/decline.js'
import type { OwnKeys } from '../../deal/deals.js'
import type { Agreed, Agreeing, OwnAsk, Selling } from '../../deal/negotiation/provider.js'
import { assertQuotedJob, assertRunnable } from './admission.js'
import type { Capacity } from './admission.js'
import { JOB } from '../job/job-state.js'

export interface JobSellingOptions {
  self: OwnKeys
  now: () => number
  /** True when `msat` can be received from this Lightning node. */
  canReceive: (from: Buffer, msat: Msat) => Promise<boolean>
  /** The least payment to state, msat; null for LEAST_PAYMENT. */
  statedLeast: () => Promise<Msat | null>
  /** The agreement of a provider with this id, also when it is over. */
  job: (agreement: Buffer) => Job | null
  /** The machine's capacity for one more job of this buyer; `terms` is null before there are any. */
  capacity: (from: Counterparty, terms: JobTerms | null) => Promise<Capacity>
  /** Ends what gives way to these terms; declines when there is no room for them. */
  makeRoom: (from: Counterparty, terms: JobTerms) => Promise<void>
  /** Resolves when the job is on disk. */
  save: (job: Job) => Promise<void>
}

/** Quotes and agreements for jobs. */
export class JobSelling implements Selling<ComputeAsk, ComputeRequest, ComputeQuote, JobTerms> {
  readonly #options: JobSellingOptions

  constructor(options: JobSellingOptions) {
    this.#options = options
  }

  async quote(
    { body: asked }: OwnAsk<ComputeAsk>,
    request: ComputeRequest,
    _price: Msat,
    from: Counterparty
  ): Promise<ComputeQuote> {
    assertRunnable(request, asked, await this.#options.capacity(from, null))
    const leastMsat = await this.#options.statedLeast()
    if (request.maxMsat < leastPaymentOf({ leastMsat }))
      throw new DeclineError(
        'TERMS',
        `a job pays at least ${formatAmount(leastPaymentOf({ leastMsat }))} here`
      )
    return {
      baseMsat: asked.baseMsat,
      firstInstallmentMsat: least(most(request.firstInstallmentMsat, 1n), INSTALLMENT_CAP),
      maxInstallmentMsat: INSTALLMENT_CAP,
      leastMsat
    }
  }

  known(agreement: Buffer, { device }: Counterparty): Buffer | null {
    const job = this.#options.job(agreement)
    return job?.terms.buyer.device.equals(device) ? answerOf(agreement, job.countersign!) : null
  }

  async agree({
    terms,
    signature,
    ask,
    request,
    offer,
    from
  }: Agreeing<ComputeAsk, ComputeRequest, ComputeQuote, JobTerms>): Promise<Agreed> {
    const { self, now, canReceive, capacity, makeRoom, save } = this.#options
    assertQuotedJob(terms, request, offer)
    const { buyer, isolation, fuel } = terms
    const needs = { memory: jobMemory(terms), ...jobTime(terms), isolation, fuel }
    assertRunnable(needs, ask.body, await capacity(from, terms))
    const [base, first = 0n] = jobSegments(terms)
    if (!(await canReceive(buyer.lightning!, base! + first)))
      throw new DeclineError('NO_INBOUND', 'the Lightning node cannot receive the first payments now')
    await makeRoom(from, terms)
    const countersign = sign('job-terms', terms, self.device)
    const at = now()
    await save({
      ...{ role: 'provider', state: JOB.AGREED, created: at, changed: at, runs: 0 },
      ...{ terms, signature, countersign }
    })
    return { body: answerOf(jobId(terms), countersign) }
  }
}

function answerOf(agreement: Buffer, signature: Buffer): Buffer {
  return encode('job-countersign', { agreement, signature })
}
