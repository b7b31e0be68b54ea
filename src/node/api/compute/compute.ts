import { encode } from '../../../../contracts/schema/codec.js'
import { BushelError } from '../../../../contracts/errors/error.js'
import { TFUEL, partOf } from '../../../../contracts/job.js'
import { formatKey, parseKey, shortKey } from '../../../../contracts/keys/key.js'
import { least } from '../../../../contracts/money/money.js'
import { RESOURCE, SIDE } from '../../../../contracts/order.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { nameOf } from '../../../base/states.js'
import { FUEL_VERSION } from '../../../compute/fuel/meter.js'
import { bestIsolation } from '../../../compute/sandbox/sandbox.js'
import type { Worker } from '../../../compute/provider/worker.js'
import type { WorkerSettings } from '../../../compute/provider/worker-options.js'
import type { CallContext, OrderResult, Params, Result } from '../api.js'
import type { IsolationName, JobResult, MapEntry, RunEstimate, RunJob, RunMap } from '../compute-api.js'
import type { JobView, Jobs, RunListener, RunOutcome } from '../../../compute/buyer/jobs.js'
import { readJob, readMap } from './job-input.js'
import { jobEntry, jobProvider } from './job-view.js'
import { saveLending } from '../../../compute/provider/settings.js'
import { isOk, mapResult } from './map-result.js'
import { marketOf } from '../markets.js'
import { demandInbound } from '../wallet.js'
import { checkOut } from '../../../files/out-folder.js'
import { requestFor } from './run-request.js'
import { forwardOutput, outOf } from './job-output.js'
import { needsUp } from '../../needs-up.js'
import type { NodeContext } from '../../context.js'

const BOOK_WAIT = 10_000
const ASK_LIFETIME = 365 * DAY
/** Amount that a seller of compute must be able to receive before it makes an offer, msat. */
const FIRST_SEGMENTS = 40_000n

/** Publishes an offer of compute, after the owner's limits are on disk. */
export async function sellCompute(
  node: NodeContext,
  params: Params<'sell.compute'>
): Promise<Result<'sell.compute'>> {
  const market = marketOf(node, params.market)
  const { orders, compute } = await node.trade()
  const { worker } = compute
  if (!worker || !node.serving) throw needsUp()
  const { cores, memory, hours, onlyIdle, allowProcess, region, dryRun } = params
  const isolation = await demandIsolation(allowProcess)
  await demandInbound(node, FIRST_SEGMENTS)
  await market.inStep({ timeoutMs: BOOK_WAIT })
  const baseMsat = BigInt(params.baseMsat)
  const order = {
    market: market.key,
    side: SIDE.ask,
    resource: RESOURCE.compute,
    price: BigInt(params.price),
    body: encode('compute-ask', { cores, memory, isolation, fuel: FUEL_VERSION, baseMsat, region }),
    lifetime: params.lifetime ?? ASK_LIFETIME
  }
  const lent = { cores, memoryBytes: memory, hours, onlyIdle, allowProcess }
  const publish = async (): Promise<ReturnType<typeof orders.draft>> => {
    const before = worker.settings
    await lend(node, worker, lent)
    try {
      return await orders.publish(order)
    } catch (error) {
      await lend(node, worker, before)
      throw error
    }
  }
  const { id, order: placed } = dryRun ? orders.draft(order) : await publish()
  const result: OrderResult = {
    id: formatKey(id),
    market: formatKey(market.key),
    expires: placed.created + order.lifetime
  }
  return { ...result, isolation, ...(dryRun ? { dryRun } : {}) }
}

async function lend(node: NodeContext, worker: Worker, settings: Partial<WorkerSettings>): Promise<void> {
  await saveLending(node.store, { ...worker.settings, ...settings })
  worker.configure(settings)
}

/** The isolation of jobs from this machine; without bubblewrap only when the owner allows it. */
async function demandIsolation(allowProcess: boolean): Promise<IsolationName> {
  const isolation = await bestIsolation()
  if (isolation === 'bwrap' || allowProcess) return isolation
  throw new BushelError(
    'NO_BUBBLEWRAP',
    'bubblewrap does not work on this machine; no offer was made',
    'install the package `bubblewrap`, or accept weaker isolation with --allow-process'
  )
}

/** Pauses or resumes running jobs of others. */
export async function pauseSelling(
  node: NodeContext,
  params: Params<'sell.pause'>
): Promise<Result<'sell.pause'>> {
  const { worker } = (await node.trade()).compute
  if (!worker) throw needsUp()
  if (params.dryRun) return params
  await lend(node, worker, { paused: params.paused })
  return { paused: params.paused }
}

export async function runJob(node: NodeContext, params: RunJob, context: CallContext): Promise<JobResult> {
  const jobs = await jobsOf(node)
  if (params.out !== undefined) await checkOut(params.out, params.force)
  const job = await readJob(params, context.signal)
  const request = requestFor(await marketInStep(node, params.market), params, job)
  const listener = listenerOf(context)
  const outcome = await jobs.run(request, listener, context.signal)
  await forwardOutput(outcome, context.onProgress)
  const destination = { out: params.out, force: params.force, name: formatKey(outcome.id) }
  return resultOf(outcome, await outOf(outcome, destination, listener.note))
}

/** One job for each file, spread over providers; a job that fails does not stop the others. */
export async function runMap(
  node: NodeContext,
  params: RunMap,
  context: CallContext
): Promise<Result<'run.map'>> {
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
    await forwardOutput(outcome, context.onProgress, name)
    const out = params.out === undefined ? undefined : `${params.out}/${name}`
    try {
      const destination = { out, force: params.force, name: formatKey(outcome.id) }
      return { input: name, ...resultOf(outcome, await outOf(outcome, destination, listener.note)) }
    } catch (error) {
      if (!(error instanceof BushelError)) throw error
      return { input: name, error: error.toJSON() } // the others are written all the same
    }
  }
}

const NOT_RUN = { code: 'INTERRUPTED', exit: 130, message: 'the job was not run', hint: '' }

export async function estimateRun(
  node: NodeContext,
  params: RunJob | RunMap,
  { signal }: CallContext
): Promise<RunEstimate> {
  const jobs = await jobsOf(node)
  if (params.out !== undefined) await checkOut(params.out, params.force)
  const inputs = 'map' in params ? await readMap(params, signal) : [await readJob(params, signal)]
  const market = await marketInStep(node, params.market)
  const { providers, price, baseMsat, maxMsat } = await jobs.estimate(requestFor(market, params, inputs[0]!))
  const wanted = params.verify === 'auto' ? 1 : params.verify
  if (providers < wanted)
    throw new BushelError(
      'NO_OFFER',
      `${providers} of ${wanted} providers on the book fit this job`,
      'pay more (--max, --max-price), ask for less (--limit), or leave a bid: bushel bid compute'
    )
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
    fuel: (((maxMsat - least(baseMsat, maxMsat)) * TFUEL) / price).toString(),
    dryRun: true
  }
}

export async function listJobs(node: NodeContext): Promise<Result<'jobs'>> {
  return { jobs: (await jobsOf(node)).list().map(jobEntry) }
}

export async function cancelJob(
  node: NodeContext,
  params: Params<'job.cancel'>
): Promise<Result<'job.cancel'>> {
  const jobs = await jobsOf(node)
  const { id, state } = found(jobs, params.id)
  if (params.dryRun) return { id: formatKey(id), state: nameOf(state), dryRun: true }
  await jobs.cancel(id)
  return { id: formatKey(id), state: nameOf(jobs.get(id)?.state ?? state) }
}

function found(jobs: Jobs, text: string): JobView {
  const id = parseKey(text, 'job id')
  const view = jobs.get(id)
  if (view) return view
  throw new BushelError(
    'JOB_NOT_FOUND',
    `this node has no job ${shortKey(id)}...`,
    'see the jobs with: bushel jobs'
  )
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

function resultOf(outcome: RunOutcome, out: string | null): JobResult {
  const { id, status, limit, reason, exitCode, hash, evidence, seconds } = outcome
  return {
    id: formatKey(id),
    status,
    limit,
    reason,
    exitCode,
    fuel: outcome.fuel.toString(),
    hash,
    out,
    paidMsat: outcome.paidMsat.toString(),
    feesMsat: outcome.feesMsat.toString(),
    providers: outcome.providers.map(jobProvider),
    evidence,
    seconds
  }
}
