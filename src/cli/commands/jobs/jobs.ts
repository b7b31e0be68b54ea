import { formatAmount } from '../../../../contracts/money/money.js'
import type { JobEntry } from '../../../node/api/api.js'
import { fuelText } from '../../output/fuel-text.js'
import { dateText } from '../../output/order-text.js'
import { list, right } from '../../output/table.js'
import { listing } from '../../one-call.js'

/** Prints the jobs that this home has bought, newest first. */
export const { syntax, run } = listing({
  usage: 'jobs',
  summary: 'list the jobs that were bought',
  example: 'jobs --watch',
  watched: true,
  reads: 'jobs',
  text: ({ jobs }) =>
    list(jobs, 'no jobs', [
      [{ title: 'JOB' }, ({ id }) => id.slice(0, 8)],
      [{ title: 'PROGRAM', flexible: true }, ({ name }) => name],
      [{ title: 'SINCE' }, ({ created }) => dateText(created)],
      [{ title: 'STATE', flexible: true }, stateText],
      [right('PROVIDERS'), ({ providers }) => String(providers.length)],
      [right('FUEL'), ({ fuel }) => fuelText(BigInt(fuel))],
      [right('PAID'), ({ paidMsat }) => formatAmount(BigInt(paidMsat))]
    ])
})

/** The state of a job, or its result when it has ended. */
export function stateText({ state, status, exitCode }: JobEntry): string {
  if (status === null) return state.toLowerCase()
  return status === 'ok' ? `ok, exit ${exitCode}` : status
}
