import crypto from 'hypercore-crypto'
import type { Quote, QuoteRequest, SignedQuote } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { verify } from '../../../contracts/keys/signature.js'
import type { Msat } from '../../../contracts/money/money.js'
import { DAY } from '../../../contracts/money/quantity.js'
import { MAX_CLOCK_SKEW } from '../../../contracts/terms.js'
import type { DealChannel } from '../channel.js'
import { MAX_ROUNDS, nextOffer } from './concession.js'
import { isDeclined } from '../decline.js'
import type { Deals } from '../deals.js'
import { formatPriceOf } from '../price.js'
import type { CommonTerms, Resource } from '../resource.js'

/** Longest accepted validity of a quote: our signed terms stay open as long. */
const MAX_VALIDITY = DAY

export interface Inquiry<Request, Offer> {
  market: Buffer
  /** The ask on the book. A quote above its price is refused. */
  ask: { id: Buffer; revision: number; price: Msat }
  request: Request
  /** The price to open with; null to take the provider's. */
  offer: Msat | null
  /** The highest price; null: any. */
  maxPrice: Msat | null
  /** What is wrong with the resource's part of a quote; null when it is acceptable. */
  faultOf: (offer: Offer) => string | BushelError | null
  /** Longest wait for each answer, ms. */
  timeoutMs: number
}

/** A checked quote within the buyer's highest price. */
export interface Quoted<Offer> {
  channel: DealChannel
  signed: SignedQuote
  quote: Quote
  offer: Offer
}

/**
 * Negotiates with a provider in at most three rounds and gives the best quote. Rejects with its decline, PRICE_ROSE when
 * it asks more than its ask on the book, PRICE_TOO_LOW when it stays above `maxPrice`, BAD_ANSWER, or the error of the
 * connection.
 */
export async function negotiate<Request extends object, Offer extends object>(
  deals: Deals,
  resource: Resource<object, object, Request, Offer>,
  channel: DealChannel,
  inquiry: Inquiry<Request, Offer>
): Promise<Quoted<Offer>> {
  const { ask, maxPrice } = inquiry
  let highest = ask.price
  let offer = inquiry.offer
  let last: SignedQuote | null = null
  let best: Quoted<Offer> | null = null
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    let quoted: Quoted<Offer>
    try {
      quoted = await askQuote(deals, resource, channel, { ...inquiry, offer, last, round, highest })
    } catch (error) {
      // Its earlier quotes are signed and still valid.
      if (round > 1 && isDeclined(error)) break
      throw error
    }
    const { price } = quoted.quote
    highest = price
    if (maxPrice === null || price <= maxPrice) best = quoted
    if (offer === null) break
    offer = nextOffer({ round: round + 1, offer, counter: price, maxPrice })
    if (offer === null) break
    last = quoted.signed
  }
  if (best) return best
  const [most, least] = [formatPriceOf(resource, maxPrice!), formatPriceOf(resource, highest)]
  throw new BushelError(
    'PRICE_TOO_LOW',
    `${shortKey(channel.device)} asks ${least} at least; your highest price is ${most}`
  )
}

interface Round<Request, Offer> extends Inquiry<Request, Offer> {
  last: SignedQuote | null
  round: number
  /** The price of its last quote, or of its ask; it may not ask more now. */
  highest: Msat
}

async function askQuote<Request extends object, Offer extends object>(
  deals: Deals,
  resource: Resource<object, object, Request, Offer>,
  channel: DealChannel,
  { market, ask, request, offer, last, round, highest, faultOf, timeoutMs }: Round<Request, Offer>
): Promise<Quoted<Offer>> {
  const requestId = crypto.randomBytes(32)
  const wanted = resource.request.encode(request)
  const { id, revision } = ask
  const body: QuoteRequest = {
    market,
    ask: id,
    revision,
    resource: resource.id,
    body: wanted,
    offer: offer ?? 0n,
    last
  }
  const signed = await channel.request('quote', body, { id: requestId, timeoutMs })
  const { quote, signature } = signed
  const peer = shortKey(channel.device)
  if (!verify('quote', quote, signature, channel.device))
    throw bad(peer, 'the signature of its quote is not valid')
  const isAnswer =
    quote.request.equals(requestId) &&
    quote.market.equals(market) &&
    quote.ask.equals(id) &&
    quote.resource === resource.id &&
    quote.buyer.equals(deals.self.device.publicKey) &&
    quote.round === round &&
    quote.wanted!.equals(wanted)
  if (!isAnswer) throw bad(peer, 'its quote is for another request')
  if (quote.price > highest) {
    const [was, is] = [formatPriceOf(resource, highest), formatPriceOf(resource, quote.price)]
    if (round > 1) throw bad(peer, `it raised its price from ${was} to ${is} during the negotiation`)
    throw new BushelError('PRICE_ROSE', `${peer} now asks ${is}; its ask on the book says ${was}`)
  }
  if (quote.price < 1n) throw bad(peer, 'its quote names no price')
  const validFor = quote.validUntil - deals.now()
  if (validFor > MAX_VALIDITY + MAX_CLOCK_SKEW)
    throw bad(peer, `its quote is valid for ${validFor} ms, longer than this node accepts`)
  let part: Offer
  try {
    part = resource.quote.decode(quote.body)
  } catch (error) {
    throw bad(peer, 'its quote cannot be read').withCause(error)
  }
  const fault = faultOf(part)
  if (fault) throw typeof fault === 'string' ? bad(peer, fault) : fault
  return { channel, signed, quote, offer: part }
}

/** The common part of terms from a quote, with both parties. */
export function commonTerms(deals: Deals, { channel, quote }: Quoted<unknown>): CommonTermsOfQuote {
  return {
    nonce: quote.request,
    market: quote.market,
    ask: quote.ask,
    network: deals.self.network,
    buyer: deals.party,
    provider: channel.peer!,
    price: quote.price,
    countersignBy: quote.validUntil
  }
}

export type CommonTermsOfQuote = Omit<CommonTerms, 'version' | 'startBy'>

/**
 * Sends signed terms, which must be on disk, with the quote that they come from. Gives the resource's part of the answer,
 * which the caller verifies. The request id is the agreement's id, so that a repeated request gets the same answer.
 */
export async function requestAgreement<Terms extends CommonTerms>(
  channel: DealChannel,
  resource: Resource<object, object, object, object, Terms>,
  { terms, signature, quote }: { terms: Terms; signature: Buffer; quote: SignedQuote },
  timeoutMs: number
): Promise<Buffer> {
  const id = resource.terms.id(terms)
  const request = { resource: resource.id, terms: resource.terms.encode(terms), signature, quote }
  const { agreement, body } = await channel.request('agree', request, { id, timeoutMs })
  if (!agreement.equals(id)) throw bad(shortKey(channel.device), 'its answer is for another agreement')
  return body!
}

/** The error for an answer that breaks the protocol. */
export function bad(peer: string, why: string): BushelError {
  return new BushelError('BAD_ANSWER', `${peer} sent a bad answer: ${why}`)
}
