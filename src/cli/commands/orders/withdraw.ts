import { withRunning } from '../../../daemon/access.js'
import { resolveId } from '../../input/short-id.js'
import { given } from '../../invocation.js'
import type { Invocation } from '../../invocation.js'
import { oneCall, onRunning } from '../../one-call.js'

/** Withdraws an order of this node from the book. */
export const { syntax, run } = oneCall({
  usage: 'withdraw <id>',
  summary: 'withdraw an order from the book (needs `bushel up`)',
  example: 'withdraw 8kc1pyjd',
  call: onRunning('withdraw'),
  params: async (invocation, [typed]) => ({
    id: await resolveId(typed!, 'order id', () => ownOrders(invocation)),
    dryRun: invocation.dryRun
  }),
  text: ({ id, note }, { dryRun }) => [
    `${dryRun ? 'would withdraw' : 'withdrew'} order ${id}`,
    ...(note === '' ? [] : [`warning: ${note}`])
  ]
})

/** The ids of this node's orders on the book. */
async function ownOrders({ access, market, context }: Invocation): Promise<string[]> {
  return await withRunning(access, async node => {
    const { identity, resources } = await node.call('status', {}, context)
    const books = await Promise.all(
      Object.keys(resources).map(resource =>
        node.call('book', { ...given({ market }), waitMs: 0, resource }, context)
      )
    )
    const orders = books.flatMap(({ asks, bids }) => [...asks, ...bids])
    return orders.filter(order => order.identity === identity).map(order => order.id)
  })
}
