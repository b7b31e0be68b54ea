import { EXIT } from '../../../../contracts/errors/error-table.js'
import { BushelError } from '../../../../contracts/errors/error.js'
import { formatFuelPrice, jobCost } from '../../../../contracts/job.js'
import { MAX_MSAT, formatAmount } from '../../../../contracts/money/money.js'
import { formatSize } from '../../../../contracts/money/quantity.js'
import { withNode } from '../../../daemon/access.js'
import { bestAsk, runLocally } from '../../../daemon/local-run.js'
import type {
  JobParams,
  JobResult,
  LocalResult,
  MapParams,
  MapResult,
  RunEstimate,
  RunJob
} from '../../../node/api/api.js'
import { absolutePath, parseParallel } from '../../input/arguments.js'
import { fuelText } from '../../output/fuel-text.js'
import { text } from '../../invocation.js'
import type { Action, Invocation, OptionValues } from '../../invocation.js'
import { JOB_OPTIONS, buyParams, jobParams } from '../../input/job-arguments.js'
import type { Output } from '../../output/output.js'
import { withPipedInput } from '../../input/standard-input.js'
import { count, facts } from '../../output/table.js'
import { hashFacts, providerTable } from './job-show.js'
import { OFFER } from '../../input/shared-options.js'
import type { CommandSyntax } from '../../syntax.js'

export const syntax: CommandSyntax = {
  usage: 'run <module> [args...]',
  summary: "run a WebAssembly program on strangers' machines; pays for what it uses",
  example: 'run job.wasm --in data --out result --max "100 sat" -- --level 9',
  options: {
    ...JOB_OPTIONS,
    '--out <dir>': 'folder for the files that it writes to /out',
    '--max <amount>': { help: 'most to pay, over all providers', default: '100 sat' },
    ...OFFER,
    '--max-price <price>': 'highest price (default: any)',
    '--map <pattern>': 'one job for each matching file; {} in ARGS is its path',
    '--parallel <n>': { help: 'with --map: number of jobs at the same time', default: '4' },
    '--no-stdin': 'do not read standard input',
    '--local': 'run it on this machine: same fuel and hash, nothing paid'
  },
  calls: ['run', 'run.map', 'run.estimate', 'run.local', 'run.map.local']
}

/**
 * Runs a job at providers of the market, or with --local on this machine. The output of the program goes to our standard
 * output, our own text to standard error; with --json everything is JSON lines on standard output.
 */
export const run: Action = async (invocation, positional, options) => {
  const { output } = invocation
  const pattern = text(options, 'map')
  if (pattern !== undefined && text(options, 'in') !== undefined)
    throw new BushelError(
      'BAD_INPUT',
      '--map and --in cannot be combined',
      'leave out --in: with --map, each matching file is the input of one job'
    )
  if (options.local === true && invocation.dryRun)
    throw new BushelError('BAD_INPUT', '--local pays nothing, so it has no dry run', 'leave out --dry-run')
  const buy = buyParams(invocation.market, options)
  const map = pattern === undefined ? null : mapParams(pattern, options)
  const wanted = options.stdin !== false && map === null
  await withPipedInput(wanted, invocation, async stdin => {
    const params = await jobParams(positional, options, stdin)
    if (options.local === true) return await atHome(invocation, params, map)
    if (invocation.dryRun) return await estimate(invocation, { ...params, ...buy }, map)
    if (map)
      tellMap(
        output,
        await withNode(invocation.access, node =>
          node.call('run.map', { ...params, ...buy, map }, invocation.context)
        )
      )
    else
      tell(
        output,
        await withNode(invocation.access, node => node.call('run', { ...params, ...buy }, invocation.context))
      )
  })
}

function mapParams(pattern: string, options: OptionValues): MapParams {
  return { base: absolutePath('.'), pattern, parallel: parseParallel(text(options, 'parallel')!) }
}

async function atHome(
  { access, market, output, context }: Invocation,
  params: JobParams,
  map: MapParams | null
): Promise<void> {
  if (map) return tellMap(output, await runLocally('run.map.local', { ...params, map }, context))
  const result = await runLocally('run.local', params, context)
  const ask = await bestAsk(access, market, context)
  const cost = ask && {
    ask: ask.id,
    price: ask.price,
    baseMsat: ask.baseMsat,
    msat: costOf(result, BigInt(ask.price), BigInt(ask.baseMsat)).toString()
  }
  const price = cost
    ? `${formatAmount(BigInt(cost.msat))} at the best price, ${formatFuelPrice(BigInt(cost.price))}`
    : 'unknown: no running node, or no offer on the book'
  tell(output, { ...result, cost }, [
    ['would cost', price],
    [
      'took',
      `${(result.cpuMs / 1000).toFixed(2)} s of CPU time, at most ${formatSize(result.peakBytes)} of memory`
    ],
    ['isolation', result.isolation === 'bwrap' ? 'bubblewrap' : 'a process without bubblewrap']
  ])
}

function costOf({ fuel }: LocalResult, price: bigint, baseMsat: bigint): bigint {
  const rest = { firstInstallmentMsat: 1n, maxInstallmentMsat: 1n, maxMsat: MAX_MSAT }
  return jobCost({ price, baseMsat, ...rest }, BigInt(fuel))
}

async function estimate(
  { access, output, context }: Invocation,
  params: RunJob,
  map: MapParams | null
): Promise<void> {
  const asked = map ? { ...params, map } : params
  const result = await withNode(access, node => node.call('run.estimate', asked, context))
  output.print(result, () => estimateText(result))
}

function estimateText(result: RunEstimate): string[] {
  const { jobs, moduleBytes, inputBytes, providers, price, baseMsat, maxMsat, feesMsat, fuel } = result
  return facts([
    [
      'would run',
      `${count(jobs, 'job', 'jobs')}: ${formatSize(moduleBytes)} of program, ${formatSize(inputBytes)} of input`
    ],
    ['providers', `${count(providers, 'fits', 'fit')}, at up to ${formatFuelPrice(BigInt(price))}`],
    ['base', `${formatAmount(BigInt(baseMsat))} a job`],
    ['at most', `${formatAmount(BigInt(maxMsat))}, which is ${fuelText(BigInt(fuel))} a job`],
    ['fees', `at most ${formatAmount(BigInt(feesMsat))} for all of it`]
  ])
}

/** Prints a result. The exit code is 1 when the program failed; its own exit code is in the result. */
export function tell<R extends JobResult & { dryRun?: boolean }>(
  output: Output,
  result: R,
  more: [string, string][] = []
): void {
  const ok = result.status === 'ok' && result.exitCode === 0
  if (!ok) output.exit = EXIT.failed
  if (output.json) return output.print(result, () => '')
  for (const line of page(result, more)) output.line(line)
}

function page(result: JobResult & { dryRun?: boolean }, more: [string, string][]): string[] {
  const { id, fuel, hash, out, paidMsat, feesMsat, providers, evidence, seconds, dryRun } = result
  return [
    ...facts([
      ['status', ending(result)],
      ['fuel', fuelText(BigInt(fuel))],
      ...hashFacts(hash),
      ...(out === null ? [] : [[dryRun ? 'would write to' : 'written to', out] as [string, string]]),
      ...(id === ''
        ? more
        : ([
            ['paid', `${formatAmount(BigInt(paidMsat))} and ${formatAmount(BigInt(feesMsat))} of fees`],
            ['job', id],
            ['took', `${seconds.toFixed(1)} s`]
          ] as [string, string][])),
      ...evidence.map((path): [string, string] => ['evidence', path])
    ]),
    ...providerTable(providers)
  ]
}

function ending({ status, limit, reason, exitCode }: JobResult): string {
  if (status === 'ok') return exitCode === 0 ? 'ok' : `the program ended with exit code ${exitCode}`
  return `${status}${limit === null ? '' : ` (${limit})`}: ${reason}`
}

function tellMap(output: Output, result: MapResult): void {
  if (result.failed > 0) output.exit = EXIT.failed
  if (output.json) return output.print(result, () => '')
  const { ok, failed, paidMsat, feesMsat, seconds, jobs } = result
  for (const entry of jobs) {
    if ('error' in entry) output.line(`FAILED    ${entry.input}: ${entry.error.message}`)
    else if (entry.status !== 'ok' || entry.exitCode !== 0)
      output.line(`FAILED    ${entry.input}: ${ending(entry)}`)
  }
  output.line(
    `${count(ok, 'job', 'jobs')} done, ${failed} failed, in ${seconds.toFixed(1)} s; ` +
      `paid ${formatAmount(BigInt(paidMsat))} and ${formatAmount(BigInt(feesMsat))} of fees`
  )
}
