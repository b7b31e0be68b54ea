import type { MirrorJob } from '#spec'
import { BushelError, isOurs } from '../../../../contracts/errors/error.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { LEASE, isGivenUp } from '../../lease/lease-state.js'
import type { BuyerLease, UploadSource } from '../buyer-lease.js'
import { isRouteMissing } from '../own-wallet.js'
import { isPassing } from '../passing.js'
import { Placement } from '../placing/placement.js'
import type { PlacementContext, PlacementListener } from '../placing/placement.js'
import { aheadIn } from '../placing/ahead.js'
import type { Plan } from '../placing/seller-search.js'

/**
 * Places further copies of a mirror for which nobody waits. One that fails is not replaced at once, as in a mirror: what made it
 * fail, such as a copy that gives nothing, would cost a first installment with each offer.
 */
export class FurtherCopy {
  readonly #context: PlacementContext
  readonly #plan: Plan
  readonly #listener: PlacementListener
  readonly #goods: UploadSource

  constructor(context: PlacementContext, plan: Plan, goods: UploadSource, listener: PlacementListener) {
    this.#context = context
    this.#plan = plan
    this.#goods = goods
    this.#listener = listener
  }

  /** Null when no offer fits, or the provider failed. */
  async place(job: MirrorJob, avoided: readonly Buffer[], signal: AbortSignal): Promise<BuyerLease | null> {
    const placement = new Placement(this.#context, this.#plan, this.#listener)
    const copy = await placement.another(job, avoided, signal)
    return copy && this.goOn(copy, signal)
  }

  /** Goes on with a copy that is agreed; null when its provider failed. */
  async goOn(copy: BuyerLease, signal: AbortSignal): Promise<BuyerLease | null> {
    if (isGivenUp(copy.lease)) return null
    try {
      signal.throwIfAborted()
      if (copy.lease.state === LEASE.BOUND) this.#listener.paid(copy, await copy.commit(signal))
      const bytes = (here: number): void => this.#listener.uploaded(copy, here)
      await copy.upload(this.#goods, { bytes, note: text => this.#listener.note(text) }, signal)
      await copy.payAhead(aheadIn(this.#plan), signal, payment => this.#listener.paid(copy, payment))
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof BushelError) || isOurs(error)) throw error
      const isKept = copy.lease.state === LEASE.STORED && (isRouteMissing(error) || isPassing(error))
      if (!isKept) return this.#giveUp(copy, error)
      this.#listener.note(`${copy.name} cannot be paid now (${error.message}); its copy is kept`)
    }
    await this.#context.experiences.good(copy.lease.terms.provider.identity)
    return copy
  }

  /** Without a network of ours it stays, and is gone on with later. */
  async #giveUp(copy: BuyerLease, error: BushelError): Promise<null> {
    const { deals, experiences, payments } = this.#context
    if (isPassing(error) && !deals.isOnline) throw error
    const { identity } = copy.lease.terms.provider
    await experiences.failed({ identity: identity!, device: copy.provider }, error)
    await copy.giveUp(error.message, { ask: !isPassing(error) })
    const { paidMsat } = payments.ledger.totals(copy.id)
    this.#listener.note(`provider ${copy.name} failed: ${error.message}; ${formatAmount(paidMsat)} were paid`)
    return null
  }
}
