import { formatKey } from '../../../../contracts/keys/key.js'
import { SIDE } from '../../../../contracts/order.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { FUEL_VERSION } from '../../../compute/fuel/meter.js'
import { compute } from '../../../compute/resource.js'
import type { CallContext, Result } from '../api.js'
import type { BidCompute } from '../compute-api.js'
import { readJob } from './job-input.js'
import { marketOf } from '../markets.js'
import { demandOffer } from '../prices.js'
import { needsUp } from '../../needs-up.js'
import { checkOut } from '../../../files/out-folder.js'
import type { NodeContext } from '../../context.js'
import type { StoredBid } from '../../trade/stored-bid.js'

const BOOK_WAIT = 10_000
const BID_LIFETIME = 30 * DAY

/** Lets a bid rest on the book; the node runs the job when an ask fits. */
export async function bidCompute(
  node: NodeContext,
  params: BidCompute,
  { signal }: CallContext
): Promise<Result<'bid.compute'>> {
  const market = marketOf(node, params.market)
  const { orders, compute: parts } = await node.trade()
  const { bids } = parts
  if (!bids || !node.serving) throw needsUp()
  demandOffer(params)
  if (params.out !== undefined) await checkOut(params.out, params.force)
  const job = await readJob(params, signal)
  await market.inStep({ timeoutMs: BOOK_WAIT })
  const order = {
    market: market.key,
    side: SIDE.bid,
    resource: compute.id,
    price: BigInt(params.maxPrice),
    body: compute.bid.encode({
      memory: job.limits.memoryBytes,
      fuel: FUEL_VERSION,
      providers: params.verify === 'auto' ? 1 : params.verify,
      maxMsat: BigInt(params.maxMsat)
    }),
    lifetime: BID_LIFETIME
  }
  const { dryRun, ...kept } = params
  const fingerprint = job.fingerprint.toString('hex')
  const stored: StoredBid = { params: kept, market: formatKey(market.key), fingerprint }
  const { id, order: placed } = dryRun
    ? orders.draft(order)
    : await bids.place(order, Buffer.from(JSON.stringify(stored)))
  const result = { id: formatKey(id), market: stored.market, expires: placed.created + order.lifetime }
  return dryRun ? { ...result, dryRun } : result
}
