import type { AgreementRequest, Order, Quote, QuoteRequest, SignedQuote } from '#spec'
import { MAX_MSAT } from '../../../contracts/money/money.js'
import type { Msat } from '../../../contracts/money/money.js'
import { MAX_BODY_BYTES, SIDE } from '../../../contracts/order.js'
import { sign, verify } from '../../../contracts/keys/signature.js'
import { KeyedMutex } from '../../base/mutex.js'
import { Scope } from '../../base/scope.js'
import type { Disposer } from '../../base/scope.js'
import type { Change } from '../../store/change.js'
import type { Answer, Counterparty, Handler } from '../channel.js'
import { MAX_ROUNDS, answerPrice } from './concession.js'
import { DeclineError } from '../decline.js'
import type { Deals } from '../deals.js'
import { assertParties } from './parties.js'
import type { CommonTerms, Resource } from '../resource.js'

/** Our own live ask that a buyer wants. */
export interface OwnAsk<Ask> {
  order: Order
  body: Ask
}

/** Terms that are signed by the buyer and fit the quote, as far as every resource has it. */
export interface Agreeing<Ask, Request, Offer, Terms> {
  terms: Terms
  /** The buyer's. */
  signature: Buffer
  ask: OwnAsk<Ask>
  /** The request that the quote answered, and the resource's part of the quote. */
  request: Request
  offer: Offer
  from: Counterparty
}

/** An agreement, before it is on disk. */
export interface Agreed {
  /** The resource's part of the answer. */
  body: Buffer
  /** The changes that must be on disk before the answer leaves, where they are not yet. */
  changes?: Change[]
}

/** The provider's side of one resource, as the negotiation uses it. What it does not serve it declines. */
export interface Selling<
  Ask extends object = object,
  Request extends object = object,
  Offer extends object = object,
  Terms extends CommonTerms = CommonTerms
> {
  /** The resource's part of a quote at this price, msat. */
  quote(ask: OwnAsk<Ask>, request: Request, price: Msat, from: Counterparty): Promise<Offer>
  /** The answer that was given to an agreement which is on disk; null for an unknown one. */
  known(agreement: Buffer, from: Counterparty): Buffer | null
  /** Makes an agreement. */
  agree(agreeing: Agreeing<Ask, Request, Offer, Terms>): Promise<Agreed>
}

/** How long a quote is valid by default, ms. */
export const QUOTE_FOR = 10 * 60_000

export interface ProviderOptions {
  deals: Deals
  /** How long a quote is valid, ms. */
  quoteFor: number
  /** Our live order with this id, and the lowest price at which it sells, msat; or null. */
  ask: (id: Buffer) => { order: Order; floor: Msat } | null
}

/**
 * Answers requests for quotes and agreements of every resource until it is closed. A quote is stateless: it is signed,
 * names what it was given for, expires, and is verified when it comes back. Only agreements are on disk.
 */
export class Provider {
  readonly #options: ProviderOptions
  readonly #handlers = new Scope()
  readonly #sides = new Map<string, Selling>()
  /** Serializes the agreements of a resource, so that two cannot reserve the same capacity. */
  readonly #mutex = new KeyedMutex()

  constructor(options: ProviderOptions) {
    this.#options = options
    const { deals } = options
    const agree: Handler<'agree'> = (request, from, _channel, id) =>
      this.#inTurn(request.resource, () => this.#agree(request, from, id))
    this.#handlers.add(deals.handle('quote', (request, from, _channel, id) => this.#quote(request, from, id)))
    this.#handlers.add(deals.handle('agree', agree))
  }

  async ready(): Promise<void> {
    // it answers from its construction on
  }

  close(): Promise<void> {
    return this.#handlers.close()
  }

  /** Sells a resource until the disposer is called. Throws when it is sold already. */
  serve<Ask extends object, Request extends object, Offer extends object, Terms extends CommonTerms>(
    { id }: Resource<Ask, object, Request, Offer, Terms>,
    side: Selling<Ask, Request, Offer, Terms>
  ): Disposer {
    if (this.#sides.has(id)) throw new Error(`'${id}' is sold already`)
    this.#sides.set(id, side as unknown as Selling)
    return () => void this.#sides.delete(id)
  }

  /** Holds the mutex until the answer's changes are kept, with the capacity that they reserve. */
  #inTurn(resource: string, work: () => Promise<Answer<'agree'>>): Promise<Answer<'agree'>> {
    return new Promise((resolve, reject) => {
      const turn = this.#mutex.run(resource, async () => {
        const answer = await work()
        await new Promise<void>(kept => resolve({ ...answer, kept }))
      })
      turn.catch(reject)
    })
  }

  async #quote(request: QuoteRequest, from: Counterparty, id: Buffer): Promise<Answer<'quote'>> {
    const { deals, quoteFor } = this.#options
    const { resource, side } = this.#side(request.resource)
    const wanted = resource.request.decode(request.body, MAX_BODY_BYTES)
    const { ask, floor } = this.#ask(resource, request.ask, request.market)
    const offer = request.offer || null
    if (offer !== null && offer > MAX_MSAT) throw new DeclineError('PRICE', 'the offer is out of bounds')
    const last = request.last ?? null
    if (last) this.#assertLast(last, request, from)
    const round = (last?.quote.round ?? 0) + 1
    const standing = last?.quote.price ?? ask.order.price
    const price = answerPrice({ round, last: standing, floor, offer })
    if (price === null)
      throw new DeclineError('PRICE', `the last price is ${standing} msat, and the offer is too low`)
    const body = resource.quote.encode(await side.quote(ask, wanted, price, from))
    const quote: Quote = {
      request: id,
      market: request.market,
      ask: request.ask,
      resource: resource.id,
      buyer: from.device,
      round,
      price,
      validUntil: deals.now() + quoteFor,
      wanted: request.body,
      body
    }
    return { body: { quote, signature: sign('quote', quote, deals.self.device) } }
  }

  /** Declines unless `last` is our valid quote of the round before, for the same buyer and the same request. */
  #assertLast(last: SignedQuote, { market, ask, resource, body }: QuoteRequest, from: Counterparty): void {
    const { quote } = last
    this.#assertOurs(last, from)
    if (quote.round >= MAX_ROUNDS)
      throw new DeclineError('ROUNDS', `a negotiation has at most ${MAX_ROUNDS} rounds`)
    const same =
      quote.market.equals(market) &&
      quote.ask.equals(ask) &&
      quote.resource === resource &&
      quote.wanted!.equals(body!)
    if (!same) throw new DeclineError('NO_QUOTE', 'the last quote was for another request')
  }

  /** Declines a quote that this node did not sign for this buyer, or that has expired. */
  #assertOurs({ quote, signature }: SignedQuote, from: Counterparty): void {
    const { deals } = this.#options
    if (!verify('quote', quote, signature, deals.self.device.publicKey) || !quote.buyer.equals(from.device))
      throw new DeclineError('NO_QUOTE', 'this node gave this buyer no such quote')
    if (deals.now() > quote.validUntil) throw new DeclineError('EXPIRED', 'the quote has expired')
  }

  async #agree(request: AgreementRequest, from: Counterparty, id: Buffer): Promise<Answer<'agree'>> {
    const { deals } = this.#options
    const { resource, side } = this.#side(request.resource)
    const terms = resource.terms.decode(request.terms)
    const fault = resource.terms.faultOf(terms)
    if (fault) throw new DeclineError('TERMS', fault)
    // With another id a second request could restart a running agreement.
    if (!id.equals(resource.terms.id(terms)))
      throw new DeclineError('TERMS', 'the id of the request is not the hash of its terms')
    if (!resource.terms.verify(terms, request.signature, from.device))
      throw new DeclineError('SIGNATURE', 'the signature on the terms is not valid')
    assertParties(terms, from, deals)
    // A repeated request gets the same answer, even after the quote has expired.
    const known = side.known(id, from)
    if (known) return { body: { agreement: id, body: known } }
    this.#assertOurs(request.quote, from)
    const { quote } = request.quote
    assertQuoted(terms, resource.id, quote, deals.now())
    const { ask } = this.#ask(resource, terms.ask, terms.market)
    const { body, changes = [] } = await side.agree({
      terms,
      signature: request.signature,
      ask,
      request: resource.request.decode(quote.wanted),
      offer: resource.quote.decode(quote.body),
      from
    })
    return { body: { agreement: id, body }, changes }
  }

  #side(id: string): { resource: Resource; side: Selling } {
    const resource = this.#options.deals.resources.get(id)
    const side = this.#sides.get(id)
    if (!resource || !side) throw new DeclineError('RESOURCE', 'this node does not sell that resource')
    return { resource, side }
  }

  #ask(resource: Resource, id: Buffer, market: Buffer): { ask: OwnAsk<object>; floor: Msat } {
    const own = this.#options.ask(id)
    const mine = own && own.order.side === SIDE.ask && own.order.resource === resource.id
    if (!mine || !own.order.market.equals(market))
      throw new DeclineError('OFFER_GONE', 'this offer is no longer on the book')
    return { ask: { order: own.order, body: resource.ask.decode(own.order.body) }, floor: own.floor }
  }
}

/** Declines terms whose common part is not that of the quote, or that have expired. */
function assertQuoted(terms: CommonTerms, resource: string, quote: Quote, now: number): void {
  const same =
    quote.resource === resource &&
    quote.request.equals(terms.nonce) &&
    quote.market.equals(terms.market) &&
    quote.ask.equals(terms.ask) &&
    quote.price === terms.price
  if (!same) throw new DeclineError('TERMS', 'the terms differ from the quote')
  if (now > terms.countersignBy) throw new DeclineError('EXPIRED', 'the terms have expired')
  if (terms.countersignBy > quote.validUntil)
    throw new DeclineError('TERMS', 'the terms stay open longer than the quote is valid')
}
