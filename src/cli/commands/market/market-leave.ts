import { leaveMarket } from '../../../daemon/access.js'
import { parseMarket } from '../../input/arguments.js'
import { oneCall } from '../../one-call.js'

/** Leaves a market, also one that is broken. */
export const { syntax, run } = oneCall({
  usage: 'market leave <name|key>',
  summary: 'leave a market, also one that is broken',
  example: 'market leave bushel-eu',
  call: { method: 'market.leave', make: leaveMarket },
  params: ({ dryRun }, [market]) => ({ market: parseMarket(market!), dryRun }),
  text: ({ name, key, withdrawn, unsaid }, { dryRun }) => {
    const market = name || key
    if (dryRun) return `would leave market ${market}, in which this node has ${orders(unsaid)}`
    return [
      `left market ${market}; leases, jobs and the wallet stay as they are`,
      ...(withdrawn > 0 ? [`  ${orders(withdrawn)} withdrawn from its book`] : []),
      ...(unsaid > 0
        ? [`  ${orders(unsaid)} could not be withdrawn: served no more, and gone from its book within 3 days`]
        : [])
    ]
  }
})

const orders = (count: number): string => (count === 1 ? '1 order' : `${count} orders`)
