import type { Countersign, Order, Quote, QuoteRequest, InstallmentList, Terms } from '#spec'
import { decode } from '../../contracts/schema/codec.js'
import { SAT, billedBytes, totalCharge, least, most } from '../../contracts/money/money.js'
import type { Msat } from '../../contracts/money/money.js'
import { RESOURCE, SIDE, askOf } from '../../contracts/order.js'
import { DAY } from '../../contracts/money/quantity.js'
import { sign, verify } from '../../contracts/keys/signature.js'
import { MAX_CLOCK_SKEW, agreementId, faultOf } from '../../contracts/terms.js'
import { Mutex } from '../base/mutex.js'
import { Scope } from '../base/scope.js'
import type { Change } from '../store/change.js'
import type { Answer, Counterparty, Handler } from './channel.js'
import { DeclineError } from './decline.js'
import type { Deals } from './deals.js'
import { assertParties } from './parties.js'

/** A provider's terms beyond the price on the book. */
export interface Policy {
  /** Default first installment, msat. */
  firstInstallmentMsat: Msat
  /** Largest installment, msat; a lease with more than 200 installments gets larger ones. */
  maxInstallmentMsat: Msat
  /** How long a quote is valid, ms from its receipt. */
  quoteFor: number
  /** How long data is kept after the paid time, ms. */
  grace: number
  /** Egress in the price, as a multiple of the size. */
  egressTimes: number
}

export const DEFAULT_POLICY: Policy = {
  firstInstallmentMsat: 5n * SAT,
  maxInstallmentMsat: 40n * SAT,
  quoteFor: 10 * 60_000,
  grace: 7 * DAY,
  egressTimes: 3
}

const MAX_SLICES = 200n

/** The resource side of a provider: capacity, payment and the records of agreements. */
export interface ResourceProvider {
  /** Why `bytes` cannot be stored under this ask, or null. */
  capacityFault(ask: Order, bytes: bigint): Promise<string | null>
  /** Why the first payments of these terms cannot be received, or null. */
  inboundFault(terms: Terms): Promise<string | null>
  /** The installments of the first strip, each with its payment hash. */
  firstList(terms: Terms): InstallmentList
  /** The changes that must be on disk before the countersignature leaves: the agreement and its reserved space. */
  agreed(terms: Terms, signature: Buffer, countersign: Countersign): Change[]
}

export interface ProviderOptions {
  deals: Deals
  policy: Policy
  goods: ResourceProvider
  /** Our live order with this id, or null. */
  ask: (id: Buffer) => Order | null
}

/** Answers requests for quotes and agreements until it is closed. It handles neither payments nor data. */
export class Provider {
  readonly #options: ProviderOptions
  readonly #handlers = new Scope()
  /** Serializes agreements, so that two cannot reserve the same space. */
  readonly #mutex = new Mutex()

  constructor(options: ProviderOptions) {
    this.#options = options
    const { deals } = options
    const agree: Handler<'agree'> = ({ terms, signature }, from, _channel, id) =>
      this.#inTurn(() => this.#agree(terms, signature, from, id))
    this.#handlers.add(deals.handle('quote', (request, _from, _channel, id) => this.#quote(request, id)))
    this.#handlers.add(deals.handle('agree', agree))
  }

  async ready(): Promise<void> {
    // it answers from its construction on
  }

  close(): Promise<void> {
    return this.#handlers.close()
  }

  /** Holds the mutex until the answer's changes are kept, with the space that they reserve. */
  #inTurn(work: () => Promise<Answer<'agree'>>): Promise<Answer<'agree'>> {
    return new Promise((resolve, reject) => {
      const turn = this.#mutex.run(async () => {
        const answer = await work()
        await new Promise<void>(kept => resolve({ ...answer, kept }))
      })
      turn.catch(reject)
    })
  }

  async #quote(request: QuoteRequest, id: Buffer): Promise<Answer<'quote'>> {
    const { deals, policy } = this.#options
    const order = this.#ask(request.ask, request.market)
    const ask = askOf(order)
    if (request.time < ask.minTime || request.time > ask.maxTime) {
      throw new DeclineError('TIME', `this ask is for ${ask.minTime} to ${ask.maxTime} ms`)
    }
    if (request.bytes <= 0 || request.blocks <= 0)
      throw new DeclineError('SIZE', 'a quote needs at least one byte and one block')
    const bytes = billedBytes([{ byteLength: request.bytes, length: request.blocks }])
    await this.#capacity(order, bytes)
    const minChargeMsat = most(ask.minChargeMsat, 1n)
    const total = totalCharge({ bytes, time: request.time, price: order.price, minChargeMsat })
    const cap = most(policy.maxInstallmentMsat, total / MAX_SLICES)
    const quote: Quote = {
      request: id,
      ask: request.ask,
      price: order.price,
      firstInstallmentMsat: most(policy.firstInstallmentMsat, least(request.firstInstallmentMsat, cap)),
      maxInstallmentMsat: cap,
      minChargeMsat,
      validFor: policy.quoteFor,
      egressBytes: this.#egress(bytes),
      grace: policy.grace
    }
    return { body: { quote, signature: sign('quote', quote, deals.self.device) } }
  }

  async #agree(terms: Terms, signature: Buffer, from: Counterparty, id: Buffer): Promise<Answer<'agree'>> {
    const { deals, goods } = this.#options
    const fault = faultOf(terms)
    if (fault) throw new DeclineError('TERMS', fault)
    // With another id a second request could restart a running lease.
    if (!id.equals(agreementId(terms)))
      throw new DeclineError('TERMS', 'the id of the request is not the hash of its terms')
    if (!verify('terms', terms, signature, from.device))
      throw new DeclineError('SIGNATURE', 'the signature on the terms is not valid')
    assertParties(terms, from, this.#options.deals)
    const quoted = this.#quoted(terms, from)
    const late = deals.now() > Math.min(quoted.at + quoted.quote.validFor, terms.countersignBy)
    if (late) throw new DeclineError('EXPIRED', 'the quote has expired')
    if (terms.countersignBy > quoted.at + quoted.quote.validFor + 2 * MAX_CLOCK_SKEW) {
      throw new DeclineError('TERMS', 'the terms stay open longer than the quote is valid')
    }
    const order = this.#ask(terms.ask, terms.market)
    if (order.price > terms.price)
      throw new DeclineError('PRICE_CHANGED', 'the price has changed since the quote')
    await this.#capacity(order, billedBytes(terms.cores))
    const inbound = await goods.inboundFault(terms)
    if (inbound) throw new DeclineError('NO_INBOUND', inbound)
    const list = goods.firstList(terms)
    const countersign: Countersign = { list, signature: sign('installment-list', list, deals.self.device) }
    return { body: countersign, changes: goods.agreed(terms, signature, countersign) }
  }

  /** The egress in the price of the agreed bytes, which may differ from the bytes of the quote request. */
  #egress(bytes: bigint): number {
    return Math.min(Math.floor(Number(bytes) * this.#options.policy.egressTimes), Number.MAX_SAFE_INTEGER)
  }

  #ask(id: Buffer, market: Buffer): Order {
    const order = this.#options.ask(id)
    const mine = order && order.side === SIDE.ask && order.resource === RESOURCE.storage
    if (!mine || !order.market.equals(market))
      throw new DeclineError('OFFER_GONE', 'this offer is no longer on the book')
    return order
  }

  async #capacity(order: Order, bytes: bigint): Promise<void> {
    const fault = await this.#options.goods.capacityFault(order, bytes)
    if (fault) throw new DeclineError('NO_CAPACITY', fault)
  }

  /** The quote behind the terms: its request id is the terms' nonce. */
  #quoted(terms: Terms, from: Counterparty): { quote: Quote; at: number } {
    const { replies } = this.#options.deals
    const kept = replies.get(from.device, terms.nonce)
    const body = kept && decode('reply', kept).body
    const at = replies.givenAt(from.device, terms.nonce)
    if (!body || at === null)
      throw new DeclineError('NO_QUOTE', 'the terms do not come from a quote of this node')
    const { quote } = decode('signed-quote', body)
    const same =
      quote.ask.equals(terms.ask) &&
      quote.price === terms.price &&
      quote.firstInstallmentMsat === terms.firstInstallmentMsat &&
      quote.maxInstallmentMsat === terms.maxInstallmentMsat &&
      quote.minChargeMsat === terms.minChargeMsat &&
      this.#egress(billedBytes(terms.cores)) >= terms.egressBytes &&
      quote.grace >= terms.grace
    if (!same) throw new DeclineError('TERMS', 'the terms differ from the quote')
    const ask = askOf(this.#ask(terms.ask, terms.market))
    if (terms.time < ask.minTime || terms.time > ask.maxTime)
      throw new DeclineError('TERMS', 'the terms are for a time that was not quoted')
    return { quote, at }
  }
}
