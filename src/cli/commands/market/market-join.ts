import { formatKey, parseKey } from '../../../../contracts/keys/key.js'
import { withNode } from '../../../daemon/access.js'
import type { Action } from '../../invocation.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'market join <key>',
  summary: 'join a market by its key',
  example: 'market join yr8oxzs9x1uykyho1kqmjzbb8sch5i8odg6fs9ycq9gs7ktxcbgo',
  calls: ['market.join']
}

/** Joins a market by its key. */
export const run: Action = async ({ access, dryRun, output, context }, [text]) => {
  const key = formatKey(parseKey(text!, 'market key'))
  const result = await withNode(access, node => node.call('market.join', { key, dryRun }, context))
  output.print(result, () => `${dryRun ? 'would join' : 'joined'} market ${result.name || result.key}`)
}
