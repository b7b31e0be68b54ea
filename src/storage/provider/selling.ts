import type {
  Countersign,
  InstallmentList,
  Order,
  StorageAsk,
  StorageQuote,
  StorageRequest,
  Terms
} from '#spec'
import { SAT, billedBytes, least, leastPaymentOf, most, totalCharge } from '../../../contracts/money/money.js'
import type { Msat } from '../../../contracts/money/money.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { encode } from '../../../contracts/schema/codec.js'
import { sign } from '../../../contracts/keys/signature.js'
import type { Counterparty } from '../../deal/channel.js'
import { DeclineError } from '../../deal/decline.js'
import type { OwnKeys } from '../../deal/deals.js'
import { QUOTE_FOR } from '../../deal/negotiation/provider.js'
import type { Agreed, Agreeing, OwnAsk, Selling } from '../../deal/negotiation/provider.js'
import type { Change } from '../../store/change.js'

/** A provider's terms beyond the price on the book. */
export interface Policy {
  /** Default first installment, msat. */
  firstInstallmentMsat: Msat
  /** Largest installment, msat; a lease with more than 200 installments gets larger ones. */
  maxInstallmentMsat: Msat
  /** How long a quote is valid, ms from its receipt; for every resource. */
  quoteFor: number
  /** How long data is kept after the paid time, ms. */
  grace: number
  /** Egress in the price, as a multiple of the size. */
  egressTimes: number
}

export const DEFAULT_POLICY: Policy = {
  firstInstallmentMsat: 5n * SAT,
  maxInstallmentMsat: 40n * SAT,
  quoteFor: QUOTE_FOR,
  grace: 7 * DAY,
  egressTimes: 3
}

const MAX_SLICES = 200n

/** What selling storage needs: capacity, payment and the records of agreements. */
export interface LeaseDesk {
  /** Why `bytes` cannot be stored under this ask for this buyer, or null; `follows`: they are, for this lease. */
  capacityFault(
    ask: Order,
    bytes: bigint,
    from: Counterparty,
    follows?: Buffer | null
  ): Promise<string | null>
  /** Why no lease can follow this one for this buyer, or null; `terms` are those of the one that would. */
  followFault(id: Buffer, from: Counterparty, terms?: Terms): string | null
  /** Ends what gives way to these terms; declines when there is no room for them. */
  makeRoom(ask: Order, terms: Terms, from: Counterparty): Promise<void>
  /** Why the first payments of these terms cannot be received, or null. */
  inboundFault(terms: Terms): Promise<string | null>
  /** The least payment to state, msat; null for LEAST_PAYMENT. */
  leastMsat(): Promise<Msat | null>
  /** The installments of the first strip, each with its payment hash. */
  firstList(terms: Terms): InstallmentList
  /** The changes that must be on disk before the countersignature leaves: the agreement and its reserved space. */
  agreed(terms: Terms, signature: Buffer, countersign: Countersign, from: Counterparty): Change[]
  /** Why this device can buy nothing here: another one of its owner has taken over what it bought; or null. */
  leftFault(from: Counterparty): string | null
  /** The countersignature of an agreement with this device that is on disk; null for an unknown one. */
  countersigned(agreement: Buffer, device: Buffer): Countersign | null
}

/** Quotes and agreements for storage. It handles neither payments nor data. */
export class StorageSelling implements Selling<StorageAsk, StorageRequest, StorageQuote, Terms> {
  readonly #self: OwnKeys
  readonly #policy: Policy
  readonly #desk: LeaseDesk

  constructor({ self, policy, desk }: { self: OwnKeys; policy: Policy; desk: LeaseDesk }) {
    this.#self = self
    this.#policy = policy
    this.#desk = desk
  }

  async quote(
    { order, body: ask }: OwnAsk<StorageAsk>,
    request: StorageRequest,
    price: Msat,
    from: Counterparty
  ): Promise<StorageQuote> {
    this.#demandNotLeft(from)
    if (request.time < ask.minTime || request.time > ask.maxTime) {
      throw new DeclineError('TIME', `this ask is for ${ask.minTime} to ${ask.maxTime} ms`)
    }
    if (request.bytes <= 0 || request.blocks <= 0)
      throw new DeclineError('SIZE', 'a quote needs at least one byte and one block')
    const bytes = billedBytes([{ byteLength: request.bytes, length: request.blocks }])
    if (request.follows) this.#demandFollows(request.follows, from)
    const fault = await this.#desk.capacityFault(order, bytes, from, request.follows)
    if (fault) throw new DeclineError('NO_CAPACITY', fault)
    const minChargeMsat = most(ask.minChargeMsat, 1n)
    const leastMsat = await this.#desk.leastMsat()
    const total = totalCharge({ bytes, time: request.time, price, minChargeMsat, leastMsat })
    const { firstInstallmentMsat, maxInstallmentMsat, grace } = this.#policy
    const cap = most(maxInstallmentMsat, total / MAX_SLICES)
    return {
      firstInstallmentMsat: most(firstInstallmentMsat, least(request.firstInstallmentMsat, cap)),
      maxInstallmentMsat: cap,
      minChargeMsat,
      egressBytes: this.#egress(bytes),
      grace,
      leastMsat
    }
  }

  known(agreement: Buffer, { device }: Counterparty): Buffer | null {
    const countersign = this.#desk.countersigned(agreement, device)
    return countersign && encode('countersign', countersign)
  }

  async agree(agreeing: Agreeing<StorageAsk, StorageRequest, StorageQuote, Terms>): Promise<Agreed> {
    const { terms, signature, ask, from } = agreeing
    this.#demandNotLeft(from)
    const bytes = billedBytes(terms.cores)
    // Fewer bytes than quoted have the egress of fewer.
    if (!isQuoted(agreeing) || terms.egressBytes > this.#egress(bytes))
      throw new DeclineError('TERMS', 'the terms differ from the quote')
    if (terms.follows) this.#demandFollows(terms.follows, from, terms)
    const inbound = await this.#desk.inboundFault(terms)
    if (inbound) throw new DeclineError('NO_INBOUND', inbound)
    await this.#desk.makeRoom(ask.order, terms, from)
    const list = this.#desk.firstList(terms)
    const countersign = { list, signature: sign('installment-list', list, this.#self.device) }
    // It may have ended while its follower was agreed.
    if (terms.follows) this.#demandFollows(terms.follows, from, terms)
    const changes = this.#desk.agreed(terms, signature, countersign, from)
    return { body: encode('countersign', countersign), changes }
  }

  #demandNotLeft(from: Counterparty): void {
    const fault = this.#desk.leftFault(from)
    if (fault) throw new DeclineError('TAKEN_OVER', fault)
  }

  #demandFollows(id: Buffer, from: Counterparty, terms?: Terms): void {
    const fault = this.#desk.followFault(id, from, terms)
    if (fault) throw new DeclineError('FOLLOWS', fault)
  }

  /** The egress in the price of these bytes. */
  #egress(bytes: bigint): number {
    return Math.min(Math.floor(Number(bytes) * this.#policy.egressTimes), Number.MAX_SAFE_INTEGER)
  }
}

/** True when the terms ask for no more than was quoted, for the quoted time. */
function isQuoted({
  terms,
  request,
  offer
}: Agreeing<StorageAsk, StorageRequest, StorageQuote, Terms>): boolean {
  return (
    sum(terms, 'byteLength') <= request.bytes &&
    sum(terms, 'length') <= request.blocks &&
    terms.time === request.time &&
    isSame(terms.follows, request.follows) &&
    terms.firstInstallmentMsat === offer.firstInstallmentMsat &&
    terms.maxInstallmentMsat === offer.maxInstallmentMsat &&
    terms.minChargeMsat === offer.minChargeMsat &&
    leastPaymentOf(terms) === leastPaymentOf(offer) &&
    terms.egressBytes <= offer.egressBytes &&
    terms.grace <= offer.grace
  )
}

function isSame(a: Buffer | null | undefined, b: Buffer | null | undefined): boolean {
  return a && b ? a.equals(b) : !a && !b
}

function sum({ cores }: Terms, field: 'length' | 'byteLength'): number {
  return cores.reduce((all, core) => all + core[field], 0)
}
