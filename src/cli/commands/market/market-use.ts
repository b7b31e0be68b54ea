import { useMarket } from '../../../daemon/access.js'
import { parseMarket } from '../../input/arguments.js'
import type { Action } from '../../invocation.js'

/** Chooses the market that other commands use by default. */
export const run: Action = async ({ access, dryRun, output, context }, [text]) => {
  const market = parseMarket(text!)
  const result = await useMarket(access, { market, dryRun }, context)
  output.print(result, () => `${dryRun ? 'would use' : 'using'} market ${result.name}`)
}
