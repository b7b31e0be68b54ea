import { formatKey } from '../../../../contracts/keys/key.js'
import { SIDE } from '../../../../contracts/order.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { FUEL_VERSION } from '../../../compute/fuel/meter.js'
import { compute } from '../../../compute/resource.js'
import { checkOut } from '../../../files/out-folder.js'
import { needsUp } from '../../needs-up.js'
import type { StoredBid } from '../../trade/stored-bid.js'
import { callWithDryRun, dry } from '../definition/call.js'
import { marketOf } from '../markets.js'
import { ORDER_RESULT, dryOrder, orderResult } from '../orders.js'
import { demandOffer } from '../prices.js'
import { BID_COMPUTE } from './job-fields.js'
import { readJob } from './job-input.js'

const BOOK_WAIT = 10_000
const BID_LIFETIME = 30 * DAY

export const BID_COMPUTE_CALLS = {
  'bid.compute': callWithDryRun(
    {
      summary: 'publishes a resting bid for a job, which the node runs when an ask fits',
      params: BID_COMPUTE,
      result: ORDER_RESULT,
      changes: true,
      needs: 'up'
    },
    async (node, params, { signal }) => {
      const chosen = marketOf(node, params.market)
      const { orders, compute: parts } = await node.trade()
      const { bids } = parts
      if (!bids || !node.serving) throw needsUp()
      demandOffer(params)
      if (params.out !== undefined) await checkOut(params.out, params.force)
      const job = await readJob(params, signal)
      await chosen.inStep({ timeoutMs: BOOK_WAIT })
      const order = {
        market: chosen.key,
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
      const stored: StoredBid = { params: kept, market: formatKey(chosen.key), fingerprint }
      const placed = dryRun
        ? dryOrder(orders.draft(order))
        : await bids.place(order, Buffer.from(JSON.stringify(stored)))
      return dry(params, orderResult(node, placed, placed.order.created + order.lifetime))
    }
  )
}
