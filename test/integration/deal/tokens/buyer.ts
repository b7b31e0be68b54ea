import { BushelError } from '../../../../contracts/errors/error.js'
import { verify } from '../../../../contracts/keys/signature.js'
import { START_WITHIN } from '../../../../contracts/terms.js'
import type { VerifiedOrder } from '../../../../contracts/order.js'
import { commonTerms, negotiate, requestAgreement } from '../../../../src/deal/negotiation/buyer.js'
import type { Deals } from '../../../../src/deal/deals.js'
import { RestingBids } from '../../../../src/deal/orders/resting-bids.js'
import type { RestingBidsOptions } from '../../../../src/deal/orders/resting-bids.js'
import type { Payments } from '../../../../src/payment/payments.js'
import type { TokensRecords } from './records.js'
import { idOf, installmentsOf, msatOf, signTerms, tokens } from './resource.js'
import type { TokensTerms } from './resource.js'
import { SIDE } from '../../../../contracts/order.js'

export interface TokensBuying {
  deals: Deals
  payments: Payments
  records: TokensRecords
  asks(market: Buffer): Promise<VerifiedOrder[]>
}

export interface Wanted {
  market: Buffer
  units: number
  offer: bigint | null
  maxPrice: bigint | null
}

/** Buys units from the cheapest ask: one negotiation, one agreement, installments one after the other. */
export async function buy(
  { deals, payments, records, asks }: TokensBuying,
  { market, units, offer, maxPrice }: Wanted
): Promise<TokensTerms> {
  const [ask] = await asks(market)
  if (!ask) throw new BushelError('NO_OFFER', 'nobody sells tokens')
  const channel = await deals.open(ask.order.device)
  const quoted = await negotiate(deals, tokens, channel, {
    ...{ market, offer, maxPrice, request: { units } },
    ask: { id: ask.id, revision: ask.order.revision, price: ask.order.price },
    faultOf: ({ each }) => (each > units ? 'one installment for everything' : null),
    timeoutMs: 10_000
  })
  const common = commonTerms(deals, quoted)
  const startBy = common.countersignBy + START_WITHIN
  const terms: TokensTerms = { version: 1, ...common, startBy, units, each: quoted.offer.each }
  await deals.store.set(records.change('buyer', terms))
  const signature = signTerms(terms, deals.self.device)
  await requestAgreement(channel, tokens, { terms, signature, quote: quoted.signed }, 10_000)
  const agreement = idOf(terms)
  for (let installment = 0; installment < installmentsOf(terms); installment++) {
    const { countersign, invoice } = await channel.request('tokensDue', { agreement, installment })
    const [listed] = countersign.list.installments
    const isDue =
      listed?.msat === msatOf(terms, installment) &&
      verify('installment-list', countersign.list, countersign.signature, channel.device)
    if (!isDue) throw new BushelError('BAD_PEER', 'it asks for another payment')
    await payments.intend(countersign.list)
    await payments.bind(countersign.list, [invoice], terms.provider.lightning!)
    await payments.reach(terms.provider.lightning!, listed.msat)
    payments.applied(await payments.pay(agreement, installment))
    const { used } = await channel.request('tokensUse', { agreement, installment })
    await records.use(agreement, used)
  }
  return terms
}

/** Resting bids, in memory alone. */
export class TokensBids extends RestingBids {
  readonly #options: RestingBidsOptions & TokensBuying
  readonly #wanted = new Map<string, Wanted>()

  constructor(options: RestingBidsOptions & TokensBuying) {
    super(tokens, options)
    this.#options = options
  }

  async place(wanted: Wanted & { maxPrice: bigint }): Promise<Buffer> {
    const { market, units, maxPrice: price } = wanted
    const body = tokens.bid.encode({ units, model: 'toy' })
    const order = { market, side: SIDE.bid, resource: tokens.id, price, body, lifetime: 3_600_000 }
    const { id } = await this.#options.orders.publish(order)
    this.#wanted.set(id.toString('hex'), wanted)
    this.look()
    return id
  }

  protected override waiting(): Buffer[] {
    return [...this.#wanted.keys()].map(id => Buffer.from(id, 'hex'))
  }

  protected override async fits(bid: Buffer): Promise<boolean> {
    const { market } = this.#wanted.get(bid.toString('hex'))!
    return (await this.#options.asks(market)).length > 0
  }

  protected override async fill(bid: Buffer): Promise<Record<string, string>> {
    const terms = await buy(this.#options, this.#wanted.get(bid.toString('hex'))!)
    return { agreement: idOf(terms).toString('hex') }
  }

  protected override isFinal(): boolean {
    return true
  }

  override over(bid: Buffer): Promise<void> {
    this.#wanted.delete(bid.toString('hex'))
    return Promise.resolve()
  }
}
