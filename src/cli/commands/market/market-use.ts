import { useMarket } from '../../../daemon/access.js'
import { parseMarket } from '../../input/arguments.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'market use <name|key>',
  summary: 'choose the market that other commands use',
  example: 'market use bushel-eu',
  calls: ['market.use']
}

/** Chooses the market that other commands use by default. */
export const run: Action = async ({ access, dryRun, output, context }, [text]) => {
  const market = parseMarket(text!)
  const result = await useMarket(access, { market, dryRun }, context)
  output.print(result, () => `${dryRun ? 'would use' : 'using'} market ${result.name}`)
}
