import { useMarket } from '../../../daemon/access.js'
import { parseMarket } from '../../input/arguments.js'
import { oneCall } from '../../one-call.js'

/** Chooses the market that other commands use by default. */
export const { syntax, run } = oneCall({
  usage: 'market use <name|key>',
  summary: 'choose the market that other commands use',
  example: 'market use bushel-eu',
  call: { method: 'market.use', make: useMarket },
  params: ({ dryRun }, [market]) => ({ market: parseMarket(market!), dryRun }),
  text: ({ name }, { dryRun }) => `${dryRun ? 'would use' : 'using'} market ${name}`
})
