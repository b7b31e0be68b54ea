import { formatKey, parseKey } from '../../../../contracts/keys/key.js'
import { withNode } from '../../../daemon/access.js'
import type { Action } from '../../invocation.js'

/** Joins a market by its key. */
export const run: Action = async ({ access, dryRun, output, context }, [text]) => {
  const key = formatKey(parseKey(text!, 'market key'))
  const result = await withNode(access, node => node.call('market.join', { key, dryRun }, context))
  output.print(result, () => `${dryRun ? 'would join' : 'joined'} market ${result.name || result.key}`)
}
