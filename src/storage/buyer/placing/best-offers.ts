import { BushelError } from '../../../../contracts/errors/error.js'
import { billedBytes, formatPrice, least } from '../../../../contracts/money/money.js'
import { formatSize } from '../../../../contracts/money/quantity.js'
import { firstInstallmentFor } from '../../../deal/sellers/first-installment.js'
import { distinct } from '../../../deal/sellers/matching.js'
import { planOf } from '../lease-plan.js'
import type { MirrorRequest, Survey } from '../mirror-types.js'
import { match } from './matching.js'
import type { PlacementContext } from './placement.js'
import type { BookedAsk } from './seller-search.js'

/** What the best offers cost together, msat. */
export interface Affordable {
  offers: BookedAsk[]
  chargeMsat: bigint
  aheadMsat: bigint
  /** The most that the fees come to, of all and of the part in advance. */
  feesMsat: bigint
  aheadFeesMsat: bigint
  spendableMsat: bigint
}

/** The best offers, the most that they cost together, and how much of it in advance. Throws when that is too much. */
export async function affordable(
  context: PlacementContext,
  request: MirrorRequest,
  survey: Survey
): Promise<Affordable> {
  const { asks: read, experiences, leases, payments } = context
  const bytes = Number(billedBytes(survey.cores))
  const asks = await read(request.market, null)
  const offers = distinct(fitting(context, asks, request, bytes), request.copies)
  if (offers.length < request.copies) throw tooFew(context, request, { bytes, asks, found: offers.length })
  const plans = offers.map(({ identity, device, price, minChargeMsat }) => {
    const firstInstallmentMsat = firstInstallmentFor(experiences, identity)
    const lease = { identity, minChargeMsat, firstInstallmentMsat, servedMs: leases.servedBy(device) }
    const atMost = least(price, request.maxPrice ?? price)
    return planOf(request, survey, { ...lease, price: atMost }, amounts => payments.limits.feesOf(amounts))
  })
  const fault = payments.limits.faultOfPlans(plans)
  if (fault) throw fault
  const all = (of: (plan: (typeof plans)[number]) => bigint): bigint =>
    plans.reduce((sum, plan) => sum + of(plan), 0n)
  const aheadMsat = all(plan => plan.aheadMsat)
  const spendableMsat = await context.spendable()
  if (aheadMsat > spendableMsat) {
    throw new BushelError(
      'NO_BALANCE',
      `this needs about ${aheadMsat / 1000n} sat in advance, and ${spendableMsat / 1000n} sat can be spent`,
      'nothing was packed or paid; ask for fewer copies, less time, or a smaller --prepay-max'
    )
  }
  return {
    ...{ offers, aheadMsat, spendableMsat },
    chargeMsat: all(plan => plan.chargeMsat),
    feesMsat: all(plan => plan.feesMsat),
    aheadFeesMsat: all(plan => plan.aheadFeesMsat)
  }
}

/** The asks that fit, the best first. */
export function fitting(
  { experiences, deals, now }: PlacementContext,
  asks: BookedAsk[],
  { time, offer, maxPrice }: Pick<MirrorRequest, 'time' | 'offer' | 'maxPrice'>,
  bytes: number
): BookedAsk[] {
  const wanted = { bytes, time, offer, maxPrice, identity: deals.self.identity }
  return match(asks, wanted, experiences.toward, now())
}

function tooFew(
  context: PlacementContext,
  request: MirrorRequest,
  { bytes, asks, found }: { bytes: number; asks: BookedAsk[]; found: number }
): BushelError {
  const { copies, maxPrice } = request
  const any = distinct(fitting(context, asks, { ...request, maxPrice: null }, bytes), copies)
  if (any.length >= copies) {
    const price = any.map(ask => ask.price).reduce((a, b) => (a > b ? a : b))
    return new BushelError(
      'PRICE_TOO_LOW',
      `only ${found} of ${copies} copies are offered at ${formatPrice(maxPrice ?? 0n)} or less`,
      `nothing was paid; --max-price "${formatPrice(price)}" would do`
    )
  }
  return new BushelError(
    'NO_OFFER',
    `only ${found} of ${copies} copies are offered for ${formatSize(bytes)} and this time (${asks.length} asks are on the book)`,
    'nothing was paid; ask for fewer --copies or another --time, or leave a bid: bushel bid storage'
  )
}
