import { withNode } from '../../../daemon/access.js'
import { parseMarketName, readRules } from '../../input/arguments.js'
import { text } from '../../invocation.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'market create',
  summary: 'found a market; this node is its first relay',
  example: 'market create --name bushel-eu',
  options: {
    '--name <name>': { help: 'its name', required: true },
    '--rules <file>': 'JSON file with the rules that differ from the defaults'
  },
  calls: ['market.create']
}

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
