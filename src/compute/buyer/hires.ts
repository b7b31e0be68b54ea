import ReadyResource from 'ready-resource'
import type { ComputeQuote, Job, JobTerms } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import {
  INSTALLMENT_CAP,
  TFUEL,
  faultOfJob,
  jobId,
  jobMemory,
  jobSegments,
  jobTime
} from '../../../contracts/job.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { faultOfLeast, formatAmount, least, leastPaymentOf, most } from '../../../contracts/money/money.js'
import { sign } from '../../../contracts/keys/signature.js'
import { PROTOCOL_VERSION, START_WITHIN } from '../../../contracts/terms.js'
import { commonTerms, negotiate } from '../../deal/negotiation/buyer.js'
import type { Quoted } from '../../deal/negotiation/buyer.js'
import type { DealChannel } from '../../deal/channel.js'
import type { LocalBlob } from '../blobs/blobs.js'
import { FUEL_VERSION } from '../fuel/meter.js'
import { Hire, firstPayments } from './hire.js'
import type { HireContext } from './hire.js'
import { JOB } from '../job/job-state.js'
import { JOB_TIMEOUTS } from '../job/timeouts.js'
import { compute } from '../resource.js'
import type { SandboxLimits } from '../sandbox/sandbox.js'

/** A verified ask for compute from the book. */
export interface BookedComputeAsk {
  id: Buffer
  identity: Buffer
  device: Buffer
  revision: number
  /** When a relay last saw its device, ms since 1970; null or absent: never, or no relay says. */
  seen?: number | null
  /** msat per Tfuel. */
  price: bigint
  baseMsat: bigint
  cores: number
  /** Most memory of one job, bytes. */
  memory: number
  isolation: 'bwrap' | 'process'
  fuel: string
}

/** A module and its input, held by `Blobs`. */
export interface PackedJob {
  module: LocalBlob
  input: LocalBlob
}

export interface HireRequest {
  market: Buffer
  ask: BookedComputeAsk
  packed: PackedJob
  args: string[]
  seed: Buffer
  limits: SandboxLimits
  /** Most that this provider is paid, msat. */
  maxMsat: bigint
  /** The fuel that is planned; at a lower price than the ask's it costs less than `maxMsat`. By default all that `maxMsat` buys. */
  fuel?: bigint
  /** The price to open with, and the highest price, msat per Tfuel. By default the price of the ask. */
  offer?: bigint | null
  maxPrice?: bigint | null
  /** Value of the first segment, msat. The provider runs it before it is paid; it grows with our experience of it. */
  firstInstallmentMsat: bigint
  /** The isolation to agree on; by default the one that the ask offers. */
  isolation?: 'bwrap' | 'process'
}

/** Makes agreements with providers and restores them from disk. */
export interface HirePort {
  agree(request: HireRequest, signal: AbortSignal): Promise<Hire>
  resume(id: Buffer): Hire | null
}

/** The compute agreements of this node as a buyer. */
export class Hires extends ReadyResource implements HirePort {
  readonly #context: HireContext

  constructor(context: HireContext) {
    super()
    this.#context = context
  }

  /** Serves the modules and inputs of unfinished jobs again. */
  protected override async _open(): Promise<void> {
    for (const { job } of this.#context.jobs.open('buyer')) this.#grant(job.terms)
  }

  /**
   * Signs terms with the provider of an ask. Pays nothing. Rejects with the provider's decline, or with OVER_LIMIT when
   * the node's spending limits forbid the agreement.
   */
  async agree(request: HireRequest, signal: AbortSignal): Promise<Hire> {
    const { deals, payments, jobs, now } = this.#context
    const { ask } = request
    const channel = await deals.open(ask.device, { signal })
    if (!channel.peer!.identity.equals(ask.identity))
      throw new BushelError('BAD_PEER', 'the device belongs to another identity than the one in its ask')
    const quoted = await this.#quote(request, channel)
    const terms = this.#terms(request, quoted)
    const fault = faultOfJob(terms)
    if (fault) throw new BushelError('BAD_INPUT', `the job cannot be agreed on: ${fault}`)
    const id = jobId(terms)
    const spend = { msat: terms.maxMsat, amounts: jobSegments(terms), agreement: id, peer: ask.identity }
    const over = payments.limits.faultOf(spend)
    if (over) throw over
    const { msat, amounts } = firstPayments(terms)
    const { reach } = { ...JOB_TIMEOUTS, ...this.#context.timeouts }
    await payments.foresee(terms.provider.lightning!, msat, reach, { amounts })
    const job: Job = {
      role: 'buyer',
      state: JOB.AGREED,
      created: now(),
      changed: now(),
      runs: 0,
      terms,
      signature: sign('job-terms', terms, deals.self.device),
      quote: quoted.signed
    }
    await jobs.save(job)
    this.#grant(terms)
    const hire = new Hire(this.#context, job)
    try {
      await hire.bind(signal)
    } catch (error) {
      await hire.abandon(error instanceof Error ? error.message : String(error))
      throw error
    }
    return hire
  }

  /** Voids agreements whose base was not sent before `startBy`, for example because of a kill. */
  async lapse(): Promise<void> {
    const { jobs, payments, now } = this.#context
    for (const { id } of [...jobs.open('buyer')]) {
      const job = jobs.get('buyer', id)!
      if ((job.state !== JOB.AGREED && job.state !== JOB.BOUND) || now() <= job.terms.startBy) continue
      if (payments.ledger.contiguous(id) > 0 || payments.ledger.totals(id).inFlightMsat > 0n) continue
      await jobs.save({ ...job, state: JOB.VOID, reason: 'its base was not paid in time' })
    }
  }

  resume(id: Buffer): Hire | null {
    const job = this.#context.jobs.get('buyer', id)
    return job && new Hire(this.#context, job)
  }

  /** Jobs that are not over. */
  get open(): Hire[] {
    return [...this.#context.jobs.open('buyer')].map(({ job }) => new Hire(this.#context, job))
  }

  #quote(request: HireRequest, channel: DealChannel): Promise<Quoted<ComputeQuote>> {
    const { deals, timeouts } = this.#context
    const { market, ask, packed, limits, maxMsat, offer = null, maxPrice = null } = request
    const [module, input] = [packed.module.ref, packed.input.ref]
    return negotiate(deals, compute, channel, {
      ...{ market, ask, offer, maxPrice },
      request: {
        memory: jobMemory({ module, input, limits }),
        ...jobTime({ limits }),
        isolation: request.isolation ?? ask.isolation,
        fuel: FUEL_VERSION,
        firstInstallmentMsat: wishOf(request),
        maxMsat
      },
      faultOf: quote => faultOfQuote(quote, request, shortKey(channel.device)),
      timeoutMs: { ...JOB_TIMEOUTS, ...timeouts }.answer
    })
  }

  #terms(request: HireRequest, quoted: Quoted<ComputeQuote>): JobTerms {
    const { ask, packed, args, seed, limits } = request
    const { offer, quote } = quoted
    const common = commonTerms(this.#context.deals, quoted)
    const { baseMsat, firstInstallmentMsat, maxInstallmentMsat, leastMsat = null } = offer
    const { fuel = null } = request
    const cost = fuel === null ? request.maxMsat : baseMsat + (fuel * quote.price) / TFUEL
    return {
      version: PROTOCOL_VERSION,
      ...common,
      fuel: FUEL_VERSION,
      isolation: request.isolation ?? ask.isolation,
      module: packed.module.ref,
      input: packed.input.ref,
      ...{ args, seed, limits, baseMsat, firstInstallmentMsat, maxInstallmentMsat },
      maxMsat: most(least(cost, request.maxMsat), baseMsat, leastPaymentOf(offer)),
      startBy: common.countersignBy + START_WITHIN,
      leastMsat
    }
  }

  #grant({ module, input, provider, ...terms }: JobTerms): void {
    const id = jobId({ module, input, provider, ...terms })
    for (const ref of [module, input]) this.#context.blobs.grant(ref, provider.device, id)
  }
}

function wishOf({ firstInstallmentMsat }: HireRequest): bigint {
  return least(firstInstallmentMsat, INSTALLMENT_CAP)
}

/** What is wrong with a quote for a job; null when it is within the request and the ask. */
function faultOfQuote(
  { baseMsat, firstInstallmentMsat, maxInstallmentMsat, leastMsat = null }: ComputeQuote,
  request: HireRequest,
  peer: string
): string | BushelError | null {
  const { ask } = request
  if (baseMsat > ask.baseMsat) {
    const [was, is] = [formatAmount(ask.baseMsat), formatAmount(baseMsat)]
    return new BushelError('PRICE_ROSE', `${peer} now asks a base of ${is}; its ask on the book says ${was}`)
  }
  if (baseMsat < 1n) return 'its quote names no base'
  const fault = faultOfLeast({ leastMsat })
  if (fault) return fault
  if (leastPaymentOf({ leastMsat }) > request.maxMsat)
    return new BushelError(
      'PRICE_ROSE',
      `${peer} takes no payment below ${formatAmount(leastPaymentOf({ leastMsat }))}`
    )
  if (firstInstallmentMsat < 1n || firstInstallmentMsat > wishOf(request))
    return 'its first installment is not the one that was asked for'
  return maxInstallmentMsat < firstInstallmentMsat || maxInstallmentMsat > INSTALLMENT_CAP
    ? 'its installments are out of bounds'
    : null
}
