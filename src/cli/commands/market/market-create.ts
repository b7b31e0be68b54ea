import { withNode } from '../../../daemon/access.js'
import { parseMarketName, readRules } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'

/** Founds a market, with this device as its first relay. */
export const run: Action = async ({ access, dryRun, output, context }, _positional, options) => {
  const name = parseMarketName(text(options, 'name')!)
  const file = text(options, 'rules')
  const rules = file === undefined ? undefined : await readRules(file)
  const params = { name, ...(rules ? { rules } : {}), dryRun }
  const result = await withNode(access, node => node.call('market.create', params, context))
  output.print(result, () =>
    dryRun
      ? `would found market ${name}`
      : [`founded market ${result.name}; other nodes join it with`, `  bushel market join ${result.key}`]
  )
}
