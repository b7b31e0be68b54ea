import crypto from 'hypercore-crypto'
import ReadyResource from 'ready-resource'
import type { Job, JobTerms } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { INSTALLMENT_CAP, faultOfJob, jobId } from '../../../contracts/job.js'
import { least } from '../../../contracts/money/money.js'
import { MINUTE } from '../../../contracts/money/quantity.js'
import { sign } from '../../../contracts/keys/signature.js'
import { PROTOCOL_VERSION, START_WITHIN } from '../../../contracts/terms.js'
import type { LocalBlob } from '../blobs/blobs.js'
import { FUEL_VERSION } from '../fuel/meter.js'
import { Hire } from './hire.js'
import type { HireContext } from './hire.js'
import { JOB } from '../job/job-state.js'
import type { SandboxLimits } from '../sandbox/sandbox.js'

/** A verified ask for compute from the book. */
export interface BookedComputeAsk {
  id: Buffer
  identity: Buffer
  device: Buffer
  revision: number
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

/** Time that the provider has to sign the terms, ms. */
const SIGN_WITHIN = 5 * MINUTE

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
    const provider = channel.peer!
    if (!provider.identity.equals(ask.identity))
      throw new BushelError('BAD_PEER', 'the device belongs to another identity than the one in its ask')
    const terms = this.#terms(request, provider)
    const fault = faultOfJob(terms)
    if (fault) throw new BushelError('BAD_INPUT', `the job cannot be agreed on: ${fault}`)
    const id = jobId(terms)
    const over = payments.limits.faultOf({ msat: terms.maxMsat, agreement: id, peer: ask.identity })
    if (over) throw over
    const job: Job = {
      role: 'buyer',
      state: JOB.AGREED,
      created: now(),
      changed: now(),
      runs: 0,
      terms,
      signature: sign('job-terms', terms, deals.self.device)
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

  #terms(request: HireRequest, provider: JobTerms['provider']): JobTerms {
    const { deals, now } = this.#context
    const { market, ask, packed, args, seed, limits, maxMsat, firstInstallmentMsat } = request
    const countersignBy = now() + SIGN_WITHIN
    return {
      version: PROTOCOL_VERSION,
      nonce: crypto.randomBytes(32),
      market,
      ask: ask.id,
      network: deals.self.network,
      buyer: deals.party,
      provider,
      fuel: FUEL_VERSION,
      isolation: request.isolation ?? ask.isolation,
      module: packed.module.ref,
      input: packed.input.ref,
      args,
      seed,
      limits,
      price: ask.price,
      baseMsat: ask.baseMsat,
      firstInstallmentMsat: least(firstInstallmentMsat, INSTALLMENT_CAP),
      maxInstallmentMsat: INSTALLMENT_CAP,
      maxMsat,
      countersignBy,
      startBy: countersignBy + START_WITHIN
    }
  }

  #grant({ module, input, provider, ...terms }: JobTerms): void {
    const id = jobId({ module, input, provider, ...terms })
    for (const ref of [module, input]) this.#context.blobs.grant(ref, provider.device, id)
  }
}
