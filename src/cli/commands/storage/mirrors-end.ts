import { formatAmount } from '../../../../contracts/money/money.js'
import { oneCall, onNode } from '../../one-call.js'
import { list, right } from '../../output/table.js'

const AWAY = 'what a provider that is away owes is asked for as long as this node is up: bushel up'

/** Ends all leases of a mirror. */
export const { syntax, run } = oneCall({
  usage: 'mirrors end <name>',
  summary: 'end every lease of a mirror before its time; what was not served is paid back',
  example: 'mirrors end films',
  call: onNode('mirrors.end'),
  params: ({ dryRun }, [mirror]) => ({ mirror: mirror!, dryRun }),
  text: ({ name, leases }, { dryRun }) => [
    `${name} ${dryRun ? 'would be' : 'is'} ended`,
    ...list(leases, 'it had no open lease', [
      [{ title: 'LEASE' }, ({ lease }) => lease.slice(0, 8)],
      [{ title: 'STATE' }, ({ state }) => state.toLowerCase()],
      [right('PAID BACK'), ({ refundedMsat }) => formatAmount(BigInt(refundedMsat))]
    ]),
    ...(leases.some(({ state }) => state === 'LAPSING') ? [AWAY] : [])
  ]
})
