import type { Order } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import { formatKey, parseKey, shortKey } from '../../../contracts/keys/key.js'
import { DAY, formatSize } from '../../../contracts/money/quantity.js'
import { SIDE } from '../../../contracts/order.js'
import type { PlacedOrder } from '../../deal/orders/standing-orders.js'
import { reachWarning } from '../../network/reach/reachability.js'
import { leftOf } from '../../storage/provider/ask-space.js'
import { storage } from '../../storage/resource.js'
import { needsUp } from '../needs-up.js'
import type { NodeContext } from '../context.js'
import type { StorageParts, Trade } from '../trade/trade.js'
import { callWithDryRun, dry } from './definition/call.js'
import {
  bytes,
  duration,
  flag,
  key,
  market,
  maybe,
  moment,
  region,
  said,
  storagePrice
} from './definition/schema.js'
import type { Values } from './definition/schema.js'
import { marketOf } from './markets.js'
import { MIRROR_FIELDS, mirrorListener, mirrorRequest } from './storage/mirrors.js'
import { askPrice } from './prices.js'
import { demandInbound } from './wallet.js'

const BOOK_WAIT = 10_000
const ASK_LIFETIME = 365 * DAY
/** Amount that a seller of storage must be able to receive before it makes an offer, msat. */
const FIRST_INSTALLMENTS = 80_000n
/** Minimum charge, so that a lease of very little data costs a sat. */
const MIN_CHARGE = 1000n

/** An order that was published. */
export const ORDER_RESULT = {
  id: said('id of the order; empty in a dry run of a bid'),
  market: key('key of the market'),
  expires: moment('when it expires'),
  inBook: flag('false: no relay has put it into the book yet; the node offers it again'),
  note: said('why it is not in the book yet, for people; empty: it is, or this was a dry run'),
  warning: said('what keeps others from reaching this node, for people; empty: nothing')
}
export type OrderResult = Values<typeof ORDER_RESULT> & { dryRun?: boolean }

/** How long an offer stands. */
export const lifetime = maybe(duration('how long the offer stands; absent: 365 days'))

export const ORDER_CALLS = {
  'sell.storage': callWithDryRun(
    {
      summary: 'publishes an offer of disk space, which the node serves',
      params: {
        market,
        space: bytes('space to offer', { least: 1 }),
        price: storagePrice('price'),
        floor: maybe(storagePrice('lowest price at which it sells, told to nobody; absent: the price')),
        minTime: duration('shortest lease'),
        maxTime: duration('longest lease'),
        region: region('region of the disk, such as eu; may be empty'),
        lifetime
      },
      result: ORDER_RESULT,
      changes: true,
      needs: 'up'
    },
    async (node, params) => {
      const chosen = marketOf(node, params.market)
      const { orders, shelf, leaseManager } = await serving(node)
      const { space, minTime, maxTime, region } = params
      if (maxTime < minTime)
        throw new BushelError('BAD_INPUT', "the parameter 'maxTime' is less than 'minTime'", 'swap the two')
      const promised = promisedBytes(orders, leaseManager)
      if (!(await shelf.canReserve(promised + space))) {
        const beside =
          promised > 0 ? ` beside the ${formatSize(promised)} that your other offers have left` : ''
        throw new BushelError(
          'NO_SPACE',
          `the disk has less free space than that${beside}; no offer was made`,
          promised > 0 ? 'offer less with --space, or withdraw another offer' : 'offer less with --space'
        )
      }
      await demandInbound(node, FIRST_INSTALLMENTS)
      await chosen.inStep({ timeoutMs: BOOK_WAIT })
      const order = {
        market: chosen.key,
        side: SIDE.ask,
        resource: storage.id,
        ...askPrice(params),
        body: storage.ask.encode({ space, minTime, maxTime, minChargeMsat: MIN_CHARGE, region }),
        lifetime: params.lifetime ?? ASK_LIFETIME
      }
      const placed = params.dryRun ? dryOrder(orders.draft(order)) : await orders.publish(order)
      return dry(params, orderResult(node, placed, placed.order.created + order.lifetime))
    }
  ),
  'bid.storage': callWithDryRun(
    {
      summary: 'publishes a resting bid for storage, which the node fills by itself',
      params: { ...MIRROR_FIELDS, maxPrice: storagePrice('highest price') },
      result: ORDER_RESULT,
      events: ['note', 'progress', 'payment'],
      changes: true,
      needs: 'up'
    },
    async (node, params, context) => {
      const chosen = marketOf(node, params.market)
      const { bids, mirrors } = await serving(node)
      await chosen.inStep({ timeoutMs: BOOK_WAIT })
      const request = mirrorRequest(chosen.key, params)
      if (params.dryRun) {
        await mirrors.checkBid(request)
        const none = { id: '', market: formatKey(chosen.key), expires: Date.now(), inBook: false, note: '' }
        return dry(params, { ...none, warning: '' })
      }
      const placed = await bids.place(request, mirrorListener(context), context.signal)
      return orderResult(node, placed, placed.order.expires)
    }
  ),
  withdraw: callWithDryRun(
    {
      summary: 'withdraws an order of this node from the book',
      params: { id: key('id of the order') },
      result: {
        id: key('id of the order'),
        inBook: flag('false: the book does not have the withdrawal yet; the node offers it again'),
        note: said('why the book does not have it yet, for people; empty: it has, or this was a dry run')
      },
      changes: true,
      needs: 'up'
    },
    async (node, params) => {
      const { orders } = await serving(node)
      const id = parseKey(params.id, 'order id')
      if (!orders.get(id)) {
        throw new BushelError(
          'ORDER_NOT_FOUND',
          `this node has no standing order ${shortKey(id)}...`,
          'see the orders with: bushel book'
        )
      }
      if (params.dryRun) return dry(params, { id: formatKey(id), inBook: false, note: '' })
      let note = ''
      try {
        note = await orders.withdraw(id)
      } finally {
        const { parts } = await node.trade()
        for (const resource of node.resources) await resource.bids(parts)?.over(id)
      }
      return { id: formatKey(id), inBook: note === '', note }
    }
  )
}

/** An order that a dry run does not publish. */
export function dryOrder({ id, order }: { id: Buffer; order: Order }): Placed {
  return { id, order, note: null }
}

/** `note` is null for an order that was not published. */
type Placed = Omit<PlacedOrder, 'note'> & { note: string | null }

export function orderResult(
  { network }: Pick<NodeContext, 'network'>,
  { id, order, note }: Placed,
  expires: number
): Values<typeof ORDER_RESULT> {
  const market = formatKey(order.market)
  // Who buys dials the seller.
  const warning = order.side === SIDE.ask ? (reachWarning(network.reachability) ?? '') : ''
  return { id: formatKey(id), market, expires, inBook: note === '', note: note ?? '', warning }
}

/** What the offers of this node have left: the same disk is offered once. */
function promisedBytes(orders: Trade['orders'], leaseManager: Serving['leaseManager']): number {
  let bytes = 0
  for (const { id, order, offered } of orders.list())
    if (order.side === SIDE.ask && order.resource === storage.id)
      bytes += leftOf({ offered }, leaseManager.letUnder(id))
  return bytes
}

interface Serving {
  orders: Trade['orders']
  bids: NonNullable<StorageParts['bids']>
  mirrors: StorageParts['mirrors']
  shelf: NonNullable<StorageParts['shelf']>
  leaseManager: NonNullable<StorageParts['leaseManager']>
}

/** The parts that only `bushel up` has; throws NOT_RUNNING without them. */
async function serving(node: NodeContext): Promise<Serving> {
  if (!node.serving) throw needsUp()
  const { orders, storage } = await node.trade()
  const { bids, mirrors, shelf, leaseManager } = storage
  if (!bids || !shelf || !leaseManager) throw needsUp()
  return { orders, bids, mirrors, shelf, leaseManager }
}
