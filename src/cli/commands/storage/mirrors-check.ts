import { BushelError } from '../../../../contracts/errors/error.js'
import { oneCall, onNode } from '../../one-call.js'
import { list, right } from '../../output/table.js'

/** Audits the copies of a mirror. */
export const { syntax, run } = oneCall({
  usage: 'mirrors check <name>',
  summary: 'audit every copy of a mirror now',
  example: 'mirrors check films',
  call: onNode('mirrors.check'),
  params: ({ dryRun }, [mirror]) => {
    if (dryRun)
      throw new BushelError(
        'BAD_INPUT',
        'an audit has no dry run: it asks the providers',
        'leave out --dry-run'
      )
    return { mirror: mirror! }
  },
  isPart: ({ ok }) => !ok,
  text: ({ copies }) =>
    list(copies, 'no copies', [
      [{ title: 'LEASE' }, ({ lease }) => lease.slice(0, 8)],
      [{ title: 'RESULT', flexible: true }, ({ result, why }) => (why ? `${result}: ${why}` : result)],
      [right('SAMPLES'), ({ samples }) => String(samples)],
      [right('TOOK'), ({ ms }) => `${(ms / 1000).toFixed(1)} s`]
    ])
})
