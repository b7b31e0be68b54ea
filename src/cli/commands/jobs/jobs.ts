import { formatAmount } from '../../../../contracts/money/money.js'
import type { JobEntry } from '../../../node/api/api.js'
import { fuelText } from '../../output/fuel-text.js'
import { dateText } from '../../output/order-text.js'
import { right, table } from '../../output/table.js'
import { listing } from '../../output/watch.js'
import { WATCH } from '../../input/shared-options.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'jobs',
  summary: 'list the jobs that were bought',
  example: 'jobs --watch',
  options: {
    ...WATCH
  },
  calls: ['jobs']
}

/** Prints the jobs that this home has bought, newest first. */
export const run = listing('jobs', ({ jobs }) => page(jobs))

function page(jobs: JobEntry[]): string[] {
  if (jobs.length === 0) return ['no jobs']
  return table(
    [
      { title: 'JOB' },
      { title: 'PROGRAM', flexible: true },
      { title: 'SINCE' },
      { title: 'STATE', flexible: true },
      right('PROVIDERS'),
      right('FUEL'),
      right('PAID')
    ],
    jobs.map(job => [
      job.id.slice(0, 8),
      job.name,
      dateText(job.created),
      stateText(job),
      String(job.providers.length),
      fuelText(BigInt(job.fuel)),
      formatAmount(BigInt(job.paidMsat))
    ])
  )
}

/** The state of a job, or its result when it has ended. */
export function stateText({ state, status, exitCode }: JobEntry): string {
  if (status === null) return state.toLowerCase()
  return status === 'ok' ? `ok, exit ${exitCode}` : status
}
