import type { Agree, CoreLimit, Countersign, SignedQuote, StorageQuote, Terms } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import {
  LEAST_PAYMENT,
  billedBytes,
  faultOfLeast,
  formatAmount,
  least,
  leastPaymentOf,
  most,
  totalCharge
} from '../../../contracts/money/money.js'
import { aheadOf, amountsIn, chargeOf, planInstallments } from '../../../contracts/money/installments.js'
import type { Msat } from '../../../contracts/money/money.js'
import type { PlannedSpending } from '../../payment/limits.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { decode } from '../../../contracts/schema/codec.js'
import { sign, verify } from '../../../contracts/keys/signature.js'
import { PROTOCOL_VERSION, START_WITHIN, faultOf, faultOfList } from '../../../contracts/terms.js'
import { bad, commonTerms, negotiate, requestAgreement } from '../../deal/negotiation/buyer.js'
import type { Quoted } from '../../deal/negotiation/buyer.js'
import type { DealChannel } from '../../deal/channel.js'
import type { Deals } from '../../deal/deals.js'
import { storage } from '../resource.js'
import { aheadShare, largestInstallment } from './placing/ahead.js'
import type { Ahead } from './placing/ahead.js'

/** What a buyer wants from the provider of an ask. */
export interface LeaseInquiry {
  market: Buffer
  ask: Buffer
  revision: number
  /** The price of the ask on the book; a higher quote is refused. */
  price: bigint
  /** The minimum charge of the ask on the book, msat; a higher quote is refused. */
  minChargeMsat: bigint
  /** The price to open with; null to take the provider's. */
  offer: bigint | null
  /** The highest price; null: any. */
  maxPrice: bigint | null
  /** The sizes of what is to be stored, or the most that they can be. */
  cores: readonly Pick<CoreLimit, 'length' | 'byteLength'>[]
  /** ms. */
  time: number
  /** The lease of the same provider that it follows. */
  follows?: Buffer
  /** First installment that this buyer wishes, by its experience with the provider. */
  firstInstallmentMsat: bigint
  /** The most that may be paid in advance, msat, and so the largest first installment. */
  aheadMsat: bigint
  /** Shortest accepted grace, ms. */
  minGrace: number
  /** Longest wait for an answer, ms. */
  timeoutMs: number
}

export interface LeaseQuote extends Quoted<StorageQuote> {
  inquiry: LeaseInquiry
}

/** Terms that the buyer signed, with the quote that they come from. */
export interface SignedTerms extends Agree {
  quote: SignedQuote
}

/** Largest accepted first installment, as a multiple of the wished one: a stranger could run away with it. */
const MAX_START_FACTOR = 4n

/** Negotiates exact terms with a provider; rejects as `negotiate` does. */
export async function askQuote(
  deals: Deals,
  channel: DealChannel,
  inquiry: LeaseInquiry
): Promise<LeaseQuote> {
  const { market, ask: id, revision, price, offer, maxPrice, cores, time, firstInstallmentMsat } = inquiry
  const follows = inquiry.follows ?? null
  const bytes = cores.reduce((sum, core) => sum + core.byteLength, 0)
  const blocks = cores.reduce((sum, core) => sum + core.length, 0)
  const quoted = await negotiate(deals, storage, channel, {
    ...{ market, offer, maxPrice, timeoutMs: inquiry.timeoutMs },
    ask: { id, revision, price },
    request: { bytes, blocks, time, firstInstallmentMsat, follows },
    faultOf: part => faultOfQuote(part, inquiry, bytes, shortKey(channel.device))
  })
  return { ...quoted, inquiry }
}

function faultOfQuote(
  quote: StorageQuote,
  inquiry: LeaseInquiry,
  bytes: number,
  peer: string
): string | BushelError | null {
  const { minChargeMsat, firstInstallmentMsat, aheadMsat, minGrace } = inquiry
  if (quote.minChargeMsat > minChargeMsat) {
    const [was, is] = [formatAmount(minChargeMsat), formatAmount(quote.minChargeMsat)]
    return new BushelError('PRICE_ROSE', `${peer} now asks at least ${is}; its ask on the book says ${was}`)
  }
  const fault = faultOfLeast(quote) ?? tooLarge(quote, inquiry, peer)
  if (fault) return fault
  if (quote.firstInstallmentMsat > MAX_START_FACTOR * firstInstallmentMsat)
    return `its first installment of ${formatAmount(quote.firstInstallmentMsat)} is too high`
  if (quote.firstInstallmentMsat > aheadMsat) {
    const [first, ahead] = [formatAmount(quote.firstInstallmentMsat), formatAmount(aheadMsat)]
    return new BushelError('PRICE_ROSE', `${peer} wants ${first} first, and at most ${ahead} are paid ahead`)
  }
  if (quote.maxInstallmentMsat > most(largestInstallment(chargeOfAsk(inquiry)), quote.firstInstallmentMsat))
    return `its largest installment of ${formatAmount(quote.maxInstallmentMsat)} is too high`
  if (quote.grace < minGrace) return `its grace of ${quote.grace} ms is too short`
  if (quote.firstInstallmentMsat < 1n || quote.maxInstallmentMsat < quote.firstInstallmentMsat)
    return 'its installments are invalid: the first is 0, or larger than the largest'
  return quote.egressBytes < bytes ? 'the egress in its price does not cover one restore' : null
}

/** The whole charge by the price of the ask, msat. */
function chargeOfAsk({ cores, time, price, minChargeMsat }: LeaseInquiry): Msat {
  return totalCharge({ bytes: billedBytes(cores), time, price, minChargeMsat })
}

/** The fault of a least payment that would cost more than the book says, or be paid ahead against our will; or null. */
function tooLarge(quote: StorageQuote, inquiry: LeaseInquiry, peer: string): BushelError | null {
  const { aheadMsat } = inquiry
  const leastMsat = leastPaymentOf(quote)
  const limit = least(chargeOfAsk(inquiry), aheadMsat)
  if (leastMsat <= limit || leastMsat === LEAST_PAYMENT) return null
  const [takes, due] = [formatAmount(leastMsat), formatAmount(limit)]
  return new BushelError(
    'PRICE_ROSE',
    `${peer} takes no payment below ${takes}, and at most ${due} would be due`
  )
}

/** Signed terms from a quote, for cores of at most the quoted sizes; `readKey` is of those who may read. Nothing is sent. */
export function termsOf(
  deals: Deals,
  quoted: LeaseQuote,
  { cores, readKey }: { cores: CoreLimit[]; readKey: Buffer }
): SignedTerms {
  const { channel, signed, offer, inquiry } = quoted
  const common = commonTerms(deals, quoted)
  const terms: Terms = {
    version: PROTOCOL_VERSION,
    ...common,
    cores,
    readKey,
    time: inquiry.time,
    firstInstallmentMsat: offer.firstInstallmentMsat,
    maxInstallmentMsat: offer.maxInstallmentMsat,
    minChargeMsat: offer.minChargeMsat,
    startBy: common.countersignBy + START_WITHIN,
    grace: offer.grace,
    egressBytes: offer.egressBytes,
    leastMsat: offer.leastMsat ?? null,
    follows: inquiry.follows ?? null
  }
  const fault = faultOf(terms)
  if (fault) throw bad(shortKey(channel.device), fault)
  return { terms, signature: sign('terms', terms, deals.self.device), quote: signed }
}

/** Sends signed terms, which must be on disk, and returns the verified countersignature. */
export async function requestCountersign(
  channel: DealChannel,
  agree: SignedTerms,
  timeoutMs: number
): Promise<Countersign> {
  const answer = await requestAgreement(channel, storage, agree, timeoutMs)
  const peer = shortKey(channel.device)
  let countersign: Countersign
  try {
    countersign = decode('countersign', answer)
  } catch (error) {
    throw bad(peer, 'its countersignature cannot be read').withCause(error)
  }
  const fault = faultOfList(countersign.list, agree.terms, 0)
  if (fault) throw bad(peer, `its list of installments is wrong: ${fault}`)
  if (!verify('installment-list', countersign.list, countersign.signature, channel.device)) {
    throw bad(peer, 'its countersignature is not valid')
  }
  return countersign
}

/** The most that is still due for signed terms, with the most that its fees come to. */
export function planOfTerms(
  terms: Terms,
  { ahead, servedMs, paidMsat }: { ahead: Ahead; servedMs: number; paidMsat: Msat },
  feesOf: (amounts: readonly Msat[]) => Msat
): PlannedSpending {
  const chargeMsat = chargeOf(terms)
  const shareMsat = aheadShare(ahead, { chargeMsat, time: terms.time, servedMs })
  const aheadMsat = most(aheadOf(chargeMsat, shareMsat, terms) - paidMsat, 0n)
  let paid = 0n
  const left = planInstallments(terms).filter(({ msat }) => (paid += msat) > paidMsat)
  const feesMsat = feesOf(left.map(({ msat }) => msat))
  const aheadFeesMsat = aheadMsat > 0n ? feesOf(amountsIn(left, aheadMsat)) : 0n
  return { peer: terms.provider.identity, chargeMsat, aheadMsat, feesMsat, aheadFeesMsat }
}
