import { withRunning } from '../../../daemon/access.js'
import { resolveId } from '../../input/short-id.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'withdraw <id>',
  summary: 'withdraw an order from the book (needs `bushel up`)',
  example: 'withdraw 8kc1pyjd',
  calls: ['withdraw']
}

/** Withdraws an order of this node from the book. */
export const run: Action = async ({ access, market, dryRun, output, context }, [text]) => {
  const book = { ...(market === undefined ? {} : { market }), waitMs: 0 }
  const id = await resolveId(text!, 'order id', () =>
    withRunning(access, async node => {
      const { identity, resources } = await node.call('status', {}, context)
      const books = await Promise.all(
        Object.keys(resources).map(resource => node.call('book', { ...book, resource }, context))
      )
      const orders = books.flatMap(({ asks, bids }) => [...asks, ...bids])
      return orders.filter(order => order.identity === identity).map(order => order.id)
    })
  )
  const result = await withRunning(access, node => node.call('withdraw', { id, dryRun }, context))
  output.print(result, () => `${dryRun ? 'would withdraw' : 'withdrew'} order ${result.id}`)
}
