import { parseMarketName, readRules } from '../../input/arguments.js'
import { given, parsed, text } from '../../invocation.js'
import { oneCall, onNode } from '../../one-call.js'

/** Founds a market, with this device as its first relay. */
export const { syntax, run } = oneCall({
  usage: 'market create',
  summary: 'found a market; this node is its first relay',
  example: 'market create --name bushel-eu',
  options: {
    '--name <name>': { help: 'its name', required: true },
    '--rules <file>': 'JSON file with the rules that differ from the defaults'
  },
  call: onNode('market.create'),
  params: async ({ dryRun }, _positional, options) => ({
    name: parseMarketName(text(options, 'name')!),
    ...given({ rules: await parsed(options, 'rules', readRules) }),
    dryRun
  }),
  text: (founded, { name, dryRun }) =>
    dryRun
      ? `would found market ${name}`
      : [`founded market ${founded.name}; other nodes join it with`, `  bushel market join ${founded.key}`]
})
