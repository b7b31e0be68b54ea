import * as v from 'valibot'
import { BushelError } from '../../../../contracts/errors/error.js'
import { TFUEL, partOf } from '../../../../contracts/job.js'
import { formatAmount, least } from '../../../../contracts/money/money.js'
import type { Jobs, RunListener, RunOutcome } from '../../../compute/buyer/jobs.js'
import { checkOut } from '../../../files/out-folder.js'
import type { NodeContext } from '../../context.js'
import { call } from '../definition/call.js'
import type { CallContext } from '../definition/call.js'
import { bytes, fuel, fuelPrice, msat, whole } from '../definition/schema.js'
import type { Values } from '../definition/schema.js'
import { marketOf } from '../markets.js'
import { JOB_RESULT, MAP_RESULT, MAX_MAP, RUN_ESTIMATE, RUN_JOB, RUN_MAP } from './job-fields.js'
import type { JobResult, MapEntry, MapResult, RunEstimateParams, RunJob, RunMap } from './job-fields.js'
import { readJob, readMap } from './job-input.js'
import { deliver } from './job-output.js'
import { isOk, mapResult } from './map-result.js'
import { requestFor } from './run-request.js'

const BOOK_WAIT = 10_000

const ESTIMATE = {
  jobs: whole(0, MAX_MAP, 'jobs that would be run: 1, or as many as the pattern names files'),
  moduleBytes: bytes('size of the program'),
  inputBytes: bytes('size of the input of all jobs'),
  providers: whole(0, Number.MAX_SAFE_INTEGER, 'identities that fit'),
  price: fuelPrice('of the dearest of those that would be chosen'),
  baseMsat: msat('its base for a job'),
  maxMsat: msat('what it can come to at the most, over all jobs, without fees'),
  feesMsat: msat('the most that the fees of its payments can come to, over all jobs'),
  fuel: fuel('what that buys for one run of one job'),
  dryRun: v.literal(true)
}
type RunEstimate = Values<typeof ESTIMATE>

export const RUN_CALLS = {
  run: call(
    {
      summary: 'runs a job at providers of the market and pays for what it uses',
      params: RUN_JOB,
      result: JOB_RESULT,
      events: ['note', 'job', 'segment', 'output'],
      changes: true,
      needs: 'node'
    },
    runJob
  ),
  'run.map': call(
    {
      summary: 'runs one job for each file that a pattern names; one that fails does not stop the others',
      params: RUN_MAP,
      result: MAP_RESULT,
      events: ['note', 'job', 'segment', 'output', 'mapped'],
      changes: true,
      needs: 'node'
    },
    runMap
  ),
  'run.estimate': call(
    {
      summary: 'the dry run of `run` and, with `map`, of `run.map`: what it would cost, and who could run it',
      params: RUN_ESTIMATE,
      result: ESTIMATE,
      changes: false,
      needs: 'node'
    },
    estimateRun
  )
}

async function runJob(node: NodeContext, params: RunJob, context: CallContext): Promise<JobResult> {
  const jobs = await jobsOf(node)
  if (params.out !== undefined) await checkOut(params.out, params.force)
  const job = await readJob(params, context.signal)
  const request = requestFor(await marketInStep(node, params.market), params, job)
  const listener = listenerOf(context)
  const outcome = await jobs.run(request, listener, context.signal)
  return deliver(jobs, outcome, params, context)
}

/** One job for each file, spread over providers; a job that fails does not stop the others. */
async function runMap(node: NodeContext, params: RunMap, context: CallContext): Promise<MapResult> {
  const jobs = await jobsOf(node)
  if (params.out !== undefined) await checkOut(params.out, params.force)
  const started = performance.now()
  const inputs = await readMap(params, context.signal)
  const market = await marketInStep(node, params.market)
  const requests = inputs.map(input => requestFor(market, params, input))
  const listener = listenerOf(context)
  const entries: MapEntry[] = inputs.map(({ name }) => ({ input: name, error: NOT_RUN }))
  const { parallel } = params.map
  let done = 0
  for await (const { index, outcome, error } of jobs.map(requests, { parallel }, listener, context.signal)) {
    const { name } = inputs[index]!
    const entry = await mapEntry(name, outcome, error)
    entries[index] = entry
    context.onProgress({ event: 'mapped', job: name, ok: isOk(entry), done: ++done, total: inputs.length })
  }
  return mapResult(entries, (performance.now() - started) / 1000)

  async function mapEntry(
    name: string,
    outcome: RunOutcome | null,
    error: BushelError | null
  ): Promise<MapEntry> {
    if (!outcome)
      return { input: name, error: (error ?? new BushelError('FAILED', 'the job was not run')).toJSON() }
    const out = params.out === undefined ? undefined : `${params.out}/${name}`
    try {
      return { input: name, ...(await deliver(jobs, outcome, { out, force: params.force }, context, name)) }
    } catch (error) {
      if (!(error instanceof BushelError)) throw error
      return { input: name, error: error.toJSON() } // the others are written all the same
    }
  }
}

const NOT_RUN = { code: 'INTERRUPTED', exit: 130, message: 'the job was not run', hint: '' }

async function estimateRun(
  node: NodeContext,
  params: RunEstimateParams,
  { signal }: CallContext
): Promise<RunEstimate> {
  const jobs = await jobsOf(node)
  if (params.map && (params.input !== undefined || params.stdin !== undefined))
    throw new BushelError(
      'BAD_INPUT',
      "the parameter 'map' takes the place of 'input' and 'stdin'",
      'leave those out'
    )
  if (params.out !== undefined) await checkOut(params.out, params.force)
  const { map, ...job } = params
  const inputs = map ? await readMap({ ...job, map }, signal) : [await readJob(job, signal)]
  const market = await marketInStep(node, params.market)
  const { providers, price, baseMsat, maxMsat, payments } = await jobs.estimate(
    requestFor(market, params, inputs[0]!)
  )
  const wanted = params.verify === 'auto' ? 1 : params.verify
  if (providers < wanted)
    throw new BushelError(
      'NO_OFFER',
      `${providers} of ${wanted} providers on the book fit this job`,
      'pay more (--max, --max-price), ask for less (--limit), or leave a bid: bushel bid compute'
    )
  const feesMsat = await affordableFees(node, payments)
  const inputBytes = inputs.reduce(
    (sum, { stdin, files }) =>
      sum + stdin.byteLength + files.reduce((bytes, file) => bytes + file.bytes.byteLength, 0),
    0
  )
  return {
    jobs: inputs.length,
    moduleBytes: inputs[0]!.module.byteLength,
    inputBytes,
    providers,
    price: price.toString(),
    baseMsat: baseMsat.toString(),
    maxMsat: (maxMsat * BigInt(inputs.length)).toString(),
    feesMsat: (feesMsat * BigInt(inputs.length)).toString(),
    fuel: (((maxMsat - least(baseMsat, maxMsat)) * TFUEL) / price).toString(),
    dryRun: true
  }
}

async function jobsOf(node: NodeContext): Promise<Jobs> {
  return (await node.trade()).compute.runs
}

async function marketInStep(node: NodeContext, named: string | undefined): Promise<Buffer> {
  const market = marketOf(node, named)
  await market.inStep({ timeoutMs: BOOK_WAIT })
  return market.key
}

function listenerOf({ onProgress }: CallContext): RunListener {
  return {
    note: message => onProgress({ event: 'note', message }),
    state: ({ provider, state, fuel }) =>
      onProgress({ event: 'job', provider, state, fuel: fuel.toString() }),
    paid: ({ provider, installment, msat }) =>
      onProgress({
        event: 'segment',
        provider,
        part: partOf(installment),
        installment,
        msat: msat.toString()
      })
  }
}

/**
 * The most that the fees of a job's payments come to, msat. Throws NO_BALANCE when its first two payments to each provider,
 * which a job is not begun without, cannot be made with their fees, and OVER_LIMIT when a limit forbids all of them.
 */
async function affordableFees(node: NodeContext, payments: readonly (readonly bigint[])[]): Promise<bigint> {
  const { payments: paying, wallet } = await node.trade()
  const { limits } = paying
  for (const amounts of payments) {
    const fault = limits.faultOf({ msat: sum(amounts), amounts })
    if (fault) throw fault
  }
  const first = payments.flatMap(amounts => amounts.slice(0, 2))
  const [msat, firstFees] = [sum(first), limits.feesOf(first)]
  const { spendableMsat } = await wallet.balance()
  if (msat + firstFees > spendableMsat)
    throw new BushelError(
      'NO_BALANCE',
      `a job begins with payments of ${formatAmount(msat)} and up to ${formatAmount(firstFees)} of fees, and ` +
        `${formatAmount(spendableMsat)} can be spent`,
      'nothing would be run; ask for less, or see: bushel wallet'
    )
  return limits.feesOf(payments.flat())
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((all, msat) => all + msat, 0n)
}
