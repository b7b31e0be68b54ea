import { BushelError } from '../../../../contracts/errors/error.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { read } from '../../../daemon/access.js'
import type { JobEntry, JobProvider } from '../../../node/api/api.js'
import { fuelText } from '../../output/fuel-text.js'
import type { Action } from '../../invocation.js'
import { dateText } from '../../output/order-text.js'
import { resolveId } from '../../input/short-id.js'
import { facts, right, table } from '../../output/table.js'
import { stateText } from './jobs.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'job show <id>',
  summary: 'show the state of a job and what each provider did',
  example: 'job show 8kc1pyjd',
  calls: ['jobs']
}

/** Prints the state of a job and what each of its providers did. */
export const run: Action = async ({ access, output, context }, [text]) => {
  const { jobs } = await read(access, 'jobs', context)
  const id = await resolveId(text!, 'job id', () => Promise.resolve(jobs.map(job => job.id)))
  const job = jobs.find(one => one.id === id)
  if (!job)
    throw new BushelError(
      'JOB_NOT_FOUND',
      `this home has no job ${id.slice(0, 8)}...`,
      'list its jobs with: bushel jobs'
    )
  output.print(job, () => page(job))
}

function page(job: JobEntry): string[] {
  return [
    ...facts([
      ['job', job.id],
      ['program', job.name],
      ['since', dateText(job.created)],
      ['state', stateText(job)],
      ['fuel', fuelText(BigInt(job.fuel))],
      ['paid', formatAmount(BigInt(job.paidMsat))],
      ...hashFacts(job.hash),
      ...(job.kept
        ? [
            ['result', `kept; fetch it with: bushel job output ${job.id.slice(0, 8)} --out DIR`] as [
              string,
              string
            ]
          ]
        : [])
    ]),
    ...providerTable(job.providers)
  ]
}

/** The two SHA-256 sums in the hash of a result: of the output tree, and of standard output. */
export function hashFacts(hash: string): [string, string][] {
  if (hash === '') return []
  return [
    ['output', hash.slice(0, 64)],
    ['stdout', hash.slice(64)]
  ]
}

export function providerTable(providers: readonly JobProvider[]): string[] {
  if (providers.length === 0) return []
  return table(
    [
      { title: 'DEVICE' },
      { title: 'VERDICT' },
      right('FUEL'),
      { title: 'HASH' },
      right('PAID'),
      { title: 'NOTE', flexible: true }
    ],
    providers.map(({ device, verdict, fuel, hash, paid, note }) => [
      device.slice(0, 8),
      verdict,
      fuelText(BigInt(fuel)),
      hash.slice(0, 8),
      formatAmount(BigInt(paid)),
      note
    ])
  )
}
