import { formatKey, parseKey } from '../../../../contracts/keys/key.js'
import { withNode } from '../../../daemon/access.js'
import type { Action } from '../../invocation.js'

/** Admits another device as a relay of a market that this node founded. */
export const run: Action = async ({ access, market, dryRun, output, context }, [text]) => {
  const device = formatKey(parseKey(text!, 'device key'))
  const params = { ...(market === undefined ? {} : { market }), device, dryRun }
  const result = await withNode(access, node => node.call('market.admit', params, context))
  output.print(result, () => `${dryRun ? 'would admit' : 'admitted'} device ${result.device} as a relay`)
}
