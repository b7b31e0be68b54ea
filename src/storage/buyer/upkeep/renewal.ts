import type { CoreLimit, Lease, MirrorJob, SealedCore } from '#spec'
import { BushelError, isOurs } from '../../../../contracts/errors/error.js'
import {
  SAT,
  billedBytes,
  formatAmount,
  formatPrice,
  most,
  totalCharge
} from '../../../../contracts/money/money.js'
import { formatTime } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import { firstInstallmentFor } from '../../../deal/sellers/first-installment.js'
import { LEASE, isGivenUp, isOver } from '../../lease/lease-state.js'
import { TIMEOUTS } from '../../lease/timeouts.js'
import { BuyerLease } from '../buyer-lease.js'
import type { UploadSource } from '../buyer-lease.js'
import { askQuote, planOfTerms, termsOf } from '../lease-terms.js'
import type { SignedTerms } from '../lease-terms.js'
import type { BookedAsk } from '../placing/seller-search.js'
import type { PlacementContext, PlacementListener } from '../placing/placement.js'
import type { DealChannel } from '../../../deal/channel.js'
import { mostAtFirst } from '../placing/ahead.js'
import type { Ahead } from '../placing/ahead.js'
import { afterFailure } from './failure.js'

/** For how long a copy is kept on, and for how much. */
export interface Extension {
  market: Buffer
  /** ms. */
  time: number
  /** msat; null: any. */
  maxPrice: bigint | null
  ahead: Ahead
}

/** The copy is with the provider already. */
class KeptCopy implements UploadSource {
  readonly #cores: SealedCore[]

  constructor({ seal }: Lease) {
    this.#cores = seal!.seal.cores
  }

  attach(): Promise<void> {
    return Promise.resolve()
  }

  seals(): Promise<SealedCore[]> {
    return Promise.resolve(this.#cores)
  }
}

/**
 * Extends one copy at its provider: a lease that follows the one that runs is agreed and paid ahead, and begins where that ends.
 * Nothing is uploaded, and the link stays the same.
 */
export class Renewal {
  readonly #context: PlacementContext
  readonly #listener: PlacementListener
  readonly #note: (id: Buffer) => Promise<void>

  /** `note` adds a lease to the record of the mirror. */
  constructor(context: PlacementContext, listener: PlacementListener, note: (id: Buffer) => Promise<void>) {
    this.#context = context
    this.#listener = listener
    this.#note = note
  }

  /**
   * The provider's cheapest ask for such an extension. Rejects with NO_OFFER when it has none, PRICE_TOO_LOW when it is above
   * the highest price.
   */
  async askFor({ terms }: Lease, { market, time, maxPrice }: Extension): Promise<BookedAsk> {
    const { device, identity } = terms.provider
    const name = new BuyerLease(this.#context, agreementId(terms)).name
    const bytes = billedBytes(terms.cores)
    const asks = (await this.#context.asks(market, null)).filter(
      ask => ask.device.equals(device!) && ask.identity.equals(identity!)
    )
    // Under the ask of the copy it needs no more space; any other one must have it.
    const [ask] = asks.filter(
      ({ id, space, minTime, maxTime }) =>
        minTime <= time && time <= maxTime && (id.equals(terms.ask!) || BigInt(space) >= bytes)
    )
    if (!ask)
      throw new BushelError(
        'NO_OFFER',
        asks.length > 0
          ? `provider ${name} has no offer for ${formatTime(time)} and this size`
          : `provider ${name} has no offer on the book`,
        'nothing was paid; the copy stays as it is'
      )
    if (maxPrice !== null && (ask.price > maxPrice || isLeastAbove(ask, { bytes, time, price: maxPrice })))
      throw new BushelError(
        'PRICE_TOO_LOW',
        `provider ${name} asks ${formatPrice(ask.price)}, at least ${formatAmount(ask.minChargeMsat)}; your highest price is ${formatPrice(maxPrice)}`,
        'nothing was paid; the copy stays as it is'
      )
    return ask
  }

  /**
   * Goes on with an extension that was begun, or begins one; resolves when it is sealed, and paid ahead as far as that can be
   * done now. The copy is audited first: nothing is paid for one that does not answer.
   */
  async extend(
    job: MirrorJob,
    before: Lease,
    extension: Extension,
    signal: AbortSignal
  ): Promise<BuyerLease> {
    const ran = new BuyerLease(this.#context, agreementId(before.terms))
    // In its grace it is closed on this side.
    if (!isOver(before)) await ran.check(signal)
    const copy = (await this.#begun(before, extension)) ?? (await this.#agree(job, before, extension, signal))
    await this.#note(copy.id)
    try {
      if (copy.lease.state === LEASE.BOUND) {
        // Its provider takes no seal before that, and nothing of the next one is paid in vain.
        if (!isOver(before)) await ran.payOut(signal)
        signal.throwIfAborted()
        await copy.reach(copy.aheadMsat(extension.ahead))
        this.#listener.paid(copy, await copy.commit(signal))
      }
      await copy.upload(new KeptCopy(before), { bytes: () => undefined }, signal)
      await copy.payAhead(extension.ahead, signal, payment => this.#listener.paid(copy, payment))
    } catch (error) {
      signal.throwIfAborted()
      if (isOurs(error)) throw error
      await afterFailure(this.#context.experiences, copy, error)
      // It is sealed: it begins in its time, and is paid on then.
      if (copy.lease.state !== LEASE.NEXT) throw error
      this.#listener.note(`${copy.name} cannot be paid ahead now: ${(error as Error).message}`)
    }
    return copy
  }

  /** An extension that was begun; one that cannot go on, or is not what is wanted now, is given up. */
  async #begun({ terms }: Lease, { time, maxPrice }: Extension): Promise<BuyerLease | null> {
    const next = this.#context.leases.successorOf('buyer', agreementId(terms))
    if (!next) return null
    const copy = new BuyerLease(this.#context, agreementId(next.terms))
    const isOther = next.terms.time !== time || (maxPrice !== null && next.terms.price! > maxPrice)
    const isLate = this.#context.now() > next.terms.startBy
    const isUnpaid = next.state === LEASE.BOUND && copy.paidInstallments === 0
    if (next.state === LEASE.AGREED || (isUnpaid && (isLate || isOther)))
      await copy.giveUp('another extension is bought in its place', { ask: false })
    if (isOver(copy.lease)) return null
    if (isGivenUp(copy.lease))
      throw new BushelError(
        'IN_PROGRESS',
        `an earlier extension at ${copy.name} is being given up`,
        'try it again when its provider has answered'
      )
    return copy
  }

  async #agree(
    job: MirrorJob,
    before: Lease,
    extension: Extension,
    signal: AbortSignal
  ): Promise<BuyerLease> {
    const { deals, payments, spendable: spend, timeouts = TIMEOUTS } = this.#context
    const ask = await this.askFor(before, extension)
    const channel = await deals.open(ask.device, { timeoutMs: timeouts.connect, signal })
    const agree = await this.#terms(channel, ask, before, extension)
    const servedMs = this.#context.leases.servedBy(before.terms.provider.device!)
    const how = { ahead: extension.ahead, servedMs, paidMsat: 0n }
    const plan = planOfTerms(agree.terms, how, amounts => payments.limits.feesOf(amounts))
    // The copy is paid to its end first.
    const ran = new BuyerLease(this.#context, agreementId(before.terms))
    const rest = isOver(before) ? 0n : ran.restMsat
    const dueMsat = rest + plan.aheadMsat
    const fees = payments.limits.feesOf([rest])
    const out = { peer: plan.peer, chargeMsat: rest, aheadMsat: rest, feesMsat: fees, aheadFeesMsat: fees }
    const fault = payments.limits.faultOfPlans(rest > 0n ? [out, plan] : [plan])
    if (fault) throw fault
    const spendable = await spend()
    if (dueMsat > spendable)
      throw new BushelError(
        'NO_BALANCE',
        `this needs ${formatAmount(dueMsat)} now, and ${formatAmount(spendable)} can be spent`,
        'nothing was paid; the copy stays as it is'
      )
    // Before it is agreed: a provider holds what is not paid for some minutes only.
    if (rest > 0n) await ran.payOut(signal)
    return BuyerLease.agree(this.#context, channel, agree, job.link)
  }

  async #terms(
    channel: DealChannel,
    ask: BookedAsk,
    { terms }: Lease,
    { market, time, maxPrice, ahead }: Extension
  ): Promise<SignedTerms> {
    const { deals, experiences, minGrace, timeouts = TIMEOUTS } = this.#context
    const firstInstallmentMsat = firstInstallmentFor(experiences, ask.identity)
    const cores: CoreLimit[] = terms.cores
    const { price, minChargeMsat } = ask
    const chargeMsat = totalCharge({ bytes: billedBytes(cores), time, price, minChargeMsat })
    const servedMs = this.#context.leases.servedBy(ask.device)
    const quoted = await askQuote(deals, channel, {
      market,
      ask: ask.id,
      revision: ask.revision,
      price: ask.price,
      minChargeMsat: ask.minChargeMsat,
      offer: null,
      maxPrice,
      cores,
      time,
      follows: agreementId(terms),
      firstInstallmentMsat,
      aheadMsat: most(mostAtFirst(ahead, { chargeMsat, time, servedMs }), firstInstallmentMsat),
      minGrace,
      timeoutMs: timeouts.quote
    })
    return termsOf(deals, quoted, { cores, readKey: terms.readKey! })
  }
}

/** Whether the minimum charge of an ask is more than the highest price comes to; that of a sat never is. */
function isLeastAbove(
  { minChargeMsat }: BookedAsk,
  { bytes, time, price }: { bytes: bigint; time: number; price: bigint }
): boolean {
  return minChargeMsat > SAT && minChargeMsat > totalCharge({ bytes, time, price, minChargeMsat: 1n })
}
