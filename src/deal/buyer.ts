import crypto from 'hypercore-crypto'
import type { Agree, CoreLimit, Countersign, Quote, Terms } from '#spec'
import { BushelError } from '../../contracts/errors/error.js'
import { formatAmount, formatPrice } from '../../contracts/money/money.js'
import { shortKey } from '../../contracts/keys/key.js'
import { DAY } from '../../contracts/money/quantity.js'
import { sign, verify } from '../../contracts/keys/signature.js'
import { PROTOCOL_VERSION, START_WITHIN, agreementId, faultOf, faultOfList } from '../../contracts/terms.js'
import type { DealChannel } from './channel.js'
import type { Deals } from './deals.js'

export interface QuoteInquiry {
  market: Buffer
  ask: Buffer
  revision: number
  /** The price of the ask on the book; a higher quote is refused. */
  price: bigint
  /** The minimum charge of the ask on the book, msat; a higher quote is refused. */
  minChargeMsat: bigint
  cores: CoreLimit[]
  /** ms. */
  time: number
  /** First installment that this buyer wishes, by its experience with the provider. */
  firstInstallmentMsat: bigint
  /** Shortest accepted grace, ms. */
  minGrace: number
  /** Longest wait for the answer, ms. */
  timeoutMs: number
}

export interface Quoted {
  channel: DealChannel
  request: QuoteInquiry
  requestId: Buffer
  quote: Quote
  /** End of the quote's validity by this node's clock, ms since 1970. */
  validUntil: number
}

/** Longest accepted validity of a quote: our signed terms stay open as long. */
const MAX_VALIDITY = DAY
/** Largest accepted first installment, as a multiple of the wished one: a stranger could run away with it. */
const MAX_START_FACTOR = 4n

/** Asks a provider for exact terms. Rejects with its decline, PRICE_ROSE, BAD_ANSWER, or the error of the connection. */
export async function askQuote(deals: Deals, channel: DealChannel, request: QuoteInquiry): Promise<Quoted> {
  const requestId = crypto.randomBytes(32)
  const bytes = request.cores.reduce((sum, core) => sum + core.byteLength, 0)
  const blocks = request.cores.reduce((sum, core) => sum + core.length, 0)
  const { market, ask, revision, time, firstInstallmentMsat } = request
  const body = { market, ask, revision, bytes, blocks, time, firstInstallmentMsat }
  const { quote, signature } = await channel.request('quote', body, {
    id: requestId,
    timeoutMs: request.timeoutMs
  })
  const peer = shortKey(channel.device)
  if (!verify('quote', quote, signature, channel.device))
    throw bad(peer, 'the signature of its quote is not valid')
  if (!quote.request.equals(requestId) || !quote.ask.equals(ask))
    throw bad(peer, 'its quote is for another request')
  if (quote.price > request.price) {
    const [was, is] = [formatPrice(request.price), formatPrice(quote.price)]
    throw new BushelError('PRICE_ROSE', `${peer} now asks ${is}; its ask on the book says ${was}`)
  }
  if (quote.minChargeMsat > request.minChargeMsat) {
    const [was, is] = [formatAmount(request.minChargeMsat), formatAmount(quote.minChargeMsat)]
    throw new BushelError('PRICE_ROSE', `${peer} now asks at least ${is}; its ask on the book says ${was}`)
  }
  if (quote.validFor > MAX_VALIDITY)
    throw bad(peer, `its quote is valid for ${quote.validFor} ms, longer than this node accepts`)
  if (quote.firstInstallmentMsat > MAX_START_FACTOR * request.firstInstallmentMsat) {
    throw bad(peer, `its first installment of ${formatAmount(quote.firstInstallmentMsat)} is too high`)
  }
  if (quote.grace < request.minGrace) throw bad(peer, `its grace of ${quote.grace} ms is too short`)
  if (quote.firstInstallmentMsat < 1n || quote.maxInstallmentMsat < quote.firstInstallmentMsat)
    throw bad(peer, 'its installments are invalid: the first is 0, or larger than the largest')
  if (quote.egressBytes < bytes) throw bad(peer, 'the egress in its price does not cover one restore')
  return { channel, request, requestId, quote, validUntil: deals.now() + quote.validFor }
}

/** Signed terms from a quote; nothing is sent. */
export function termsOf(deals: Deals, { channel, request, requestId, quote, validUntil }: Quoted): Agree {
  const provider = channel.peer!
  const terms: Terms = {
    version: PROTOCOL_VERSION,
    nonce: requestId,
    market: request.market,
    ask: request.ask,
    network: deals.self.network,
    buyer: deals.party,
    provider,
    cores: request.cores,
    price: quote.price,
    time: request.time,
    firstInstallmentMsat: quote.firstInstallmentMsat,
    maxInstallmentMsat: quote.maxInstallmentMsat,
    minChargeMsat: quote.minChargeMsat,
    countersignBy: validUntil,
    startBy: validUntil + START_WITHIN,
    grace: quote.grace,
    egressBytes: quote.egressBytes
  }
  const fault = faultOf(terms)
  if (fault) throw bad(shortKey(channel.device), fault)
  return { terms, signature: sign('terms', terms, deals.self.device) }
}

/** Sends signed terms, which must be on disk, and returns the verified countersignature. The request id is the agreement's id. */
export async function requestCountersign(
  channel: DealChannel,
  agree: Agree,
  timeoutMs: number
): Promise<Countersign> {
  const id = agreementId(agree.terms)
  const countersign = await channel.request('agree', agree, { id, timeoutMs })
  const peer = shortKey(channel.device)
  const fault = faultOfList(countersign.list, agree.terms, 0)
  if (fault) throw bad(peer, `its list of installments is wrong: ${fault}`)
  if (!verify('installment-list', countersign.list, countersign.signature, channel.device)) {
    throw bad(peer, 'its countersignature is not valid')
  }
  return countersign
}

function bad(peer: string, why: string): BushelError {
  return new BushelError('BAD_ANSWER', `${peer} sent a bad answer: ${why}`)
}
