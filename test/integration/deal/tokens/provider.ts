import { sign } from '../../../../contracts/keys/signature.js'
import type { Disposer } from '../../../../src/base/scope.js'
import type { Counterparty, Handler } from '../../../../src/deal/channel.js'
import { DeclineError } from '../../../../src/deal/decline.js'
import type { Deals } from '../../../../src/deal/deals.js'
import type { Agreed, Agreeing, OwnAsk, Selling } from '../../../../src/deal/negotiation/provider.js'
import type { Payments } from '../../../../src/payment/payments.js'
import type { TokensRecords } from './records.js'
import { installmentsOf, msatOf } from './resource.js'
import type { TokensAsk, TokensOffer, TokensRequest, TokensTerms } from './resource.js'

const EACH = 400
const EXPIRY_S = 3600
const WAIT = 10_000

/** The provider's side: units are counted after their installment is paid. */
export class TokensSelling implements Selling<TokensAsk, TokensRequest, TokensOffer, TokensTerms> {
  readonly #deals: Deals
  readonly #payments: Payments
  readonly #records: TokensRecords

  constructor(deals: Deals, payments: Payments, records: TokensRecords) {
    this.#deals = deals
    this.#payments = payments
    this.#records = records
  }

  quote({ body }: OwnAsk<TokensAsk>, { units }: TokensRequest): Promise<TokensOffer> {
    if (units > body.units) throw new DeclineError('NO_CAPACITY', `at most ${body.units} units`)
    return Promise.resolve({ each: EACH })
  }

  known(agreement: Buffer, { device }: Counterparty): Buffer | null {
    const terms = this.#records.get('provider', agreement)
    return terms?.buyer.device.equals(device) ? Buffer.from('ok') : null
  }

  agree({
    terms,
    request,
    offer
  }: Agreeing<TokensAsk, TokensRequest, TokensOffer, TokensTerms>): Promise<Agreed> {
    if (terms.units > request.units || terms.each !== offer.each)
      throw new DeclineError('TERMS', 'the terms differ from the quote')
    return Promise.resolve({ body: Buffer.from('ok'), changes: [this.#records.change('provider', terms)] })
  }

  /** Answers requests for what is due, and for units. */
  answer(): Disposer[] {
    const due: Handler<'tokensDue'> = async ({ agreement, installment }, from) => {
      const terms = this.#of(agreement, from)
      if (installment >= installmentsOf(terms)) throw new DeclineError('NOTHING_DUE', 'all is paid')
      const msat = msatOf(terms, installment)
      const list = this.#payments.list(agreement, [{ number: installment, start: 0, end: 0, msat }], 0)
      const [invoice] = await this.#payments.strip(list, EXPIRY_S, from.identity)
      const signature = sign('installment-list', list, this.#deals.self.device)
      return { body: { countersign: { list, signature }, invoice: invoice! } }
    }
    const use: Handler<'tokensUse'> = async ({ agreement, installment }, from) => {
      const { each, units } = this.#of(agreement, from)
      if (!(await this.#payments.wasReceived(agreement, installment, WAIT)))
        throw new DeclineError('NOT_PAID', 'that installment is not paid')
      const used = Math.min((installment + 1) * each, units)
      await this.#records.use(agreement, used)
      this.#payments.applied(this.#payments.ledger.payment(agreement, installment)!)
      return { body: { used } }
    }
    return [this.#deals.handle('tokensDue', due), this.#deals.handle('tokensUse', use)]
  }

  #of(agreement: Buffer, { device }: Counterparty): TokensTerms {
    const terms = this.#records.get('provider', agreement)
    if (!terms?.buyer.device.equals(device)) throw new DeclineError('NO_AGREEMENT', 'no such agreement')
    return terms
  }
}
