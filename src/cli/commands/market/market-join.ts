import { formatKey, parseKey } from '../../../../contracts/keys/key.js'
import { oneCall, onNode } from '../../one-call.js'

/** Joins a market by its key. */
export const { syntax, run } = oneCall({
  usage: 'market join <key>',
  summary: 'join a market by its key',
  example: 'market join yr8oxzs9x1uykyho1kqmjzbb8sch5i8odg6fs9ycq9gs7ktxcbgo',
  call: onNode('market.join'),
  params: ({ dryRun }, [key]) => ({ key: formatKey(parseKey(key!, 'market key')), dryRun }),
  text: ({ name, key }, { dryRun }) => `${dryRun ? 'would join' : 'joined'} market ${name || key}`
})
