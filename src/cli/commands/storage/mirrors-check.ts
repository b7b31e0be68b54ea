import { oneCall, onNode } from '../../one-call.js'
import { list, right } from '../../output/table.js'

/** Audits the copies of a mirror. */
export const { syntax, run } = oneCall({
  usage: 'mirrors check <name>',
  summary: 'audit every copy of a mirror now',
  example: 'mirrors check films',
  call: onNode('mirrors.check'),
  params: (_invocation, [mirror]) => ({ mirror: mirror! }),
  isPart: ({ ok }) => !ok,
  text: ({ copies }) =>
    list(copies, 'no copies', [
      [{ title: 'LEASE' }, ({ lease }) => lease.slice(0, 8)],
      [{ title: 'RESULT', flexible: true }, ({ result, why }) => (why ? `${result}: ${why}` : result)],
      [right('BLOCKS'), ({ samples }) => String(samples)],
      [right('TOOK'), ({ ms }) => `${(ms / 1000).toFixed(1)} s`]
    ])
})
