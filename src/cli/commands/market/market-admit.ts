import { formatKey, parseKey } from '../../../../contracts/keys/key.js'
import { given } from '../../invocation.js'
import { oneCall, onNode } from '../../one-call.js'

/** Admits another device as a relay of a market that this node founded. */
export const { syntax, run } = oneCall({
  usage: 'market admit <device>',
  summary: 'admit a device as a relay of a market founded here',
  example: 'market admit 6bnjzyf4n5h1gfmxdxkuu4psxfd5rz3pbfgxztrf9jsg5ywxm5xo',
  call: onNode('market.admit'),
  params: ({ market, dryRun }, [device]) => ({
    ...given({ market }),
    device: formatKey(parseKey(device!, 'device key')),
    dryRun
  }),
  text: ({ device }, { dryRun }) => `${dryRun ? 'would admit' : 'admitted'} device ${device} as a relay`
})
