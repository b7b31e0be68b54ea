import { formatKey, parseKey } from '../../../../contracts/keys/key.js'
import { withNode } from '../../../daemon/access.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'market admit <device>',
  summary: 'admit a device as a relay of a market founded here',
  example: 'market admit 6bnjzyf4n5h1gfmxdxkuu4psxfd5rz3pbfgxztrf9jsg5ywxm5xo',
  calls: ['market.admit']
}

/** Admits another device as a relay of a market that this node founded. */
export const run: Action = async ({ access, market, dryRun, output, context }, [text]) => {
  const device = formatKey(parseKey(text!, 'device key'))
  const params = { ...(market === undefined ? {} : { market }), device, dryRun }
  const result = await withNode(access, node => node.call('market.admit', params, context))
  output.print(result, () => `${dryRun ? 'would admit' : 'admitted'} device ${result.device} as a relay`)
}
