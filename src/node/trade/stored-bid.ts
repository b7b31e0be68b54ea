import { writeFile } from 'node:fs/promises'
import { BushelError, failed } from '../../../contracts/errors/error.js'
import { formatKey, parseKey } from '../../../contracts/keys/key.js'
import type { Jobs, RunListener, RunRequest } from '../../compute/buyer/jobs.js'
import type { BidCompute } from '../api/compute/job-fields.js'
import { readJob } from '../api/compute/job-input.js'
import { paidOut } from '../api/compute/job-output.js'
import { requestFor } from '../api/compute/run-request.js'

/** The record of a compute bid: the request and a fingerprint of its files. */
export interface StoredBid {
  params: BidCompute
  /** z32. */
  market: string
  /** Fingerprint of module, arguments and input at the time of the bid, hex. */
  fingerprint: string
}

/** True when asks on the book fit a stored bid. Throws when its files have changed. */
export async function fitsBid(jobs: Jobs, stored: Buffer, signal: AbortSignal): Promise<boolean> {
  const request = await storedRequest(parse(stored), signal)
  const { providers } = await jobs.estimate(request)
  return providers >= (request.verify === 'auto' ? 1 : request.verify)
}

/** Runs the job of a stored bid and writes its `/out`, with its standard output and error beside it. */
export async function fillBid(
  jobs: Jobs,
  stored: Buffer,
  listener: RunListener,
  signal: AbortSignal
): Promise<void> {
  const bid = parse(stored)
  const { out, force, module } = bid.params
  const outcome = await jobs.run(await storedRequest(bid, signal), listener, signal)
  try {
    const written = await paidOut(outcome, { out, force })
    if (written !== null) {
      for (const stream of ['stdout', 'stderr'] as const)
        if (outcome[stream].byteLength > 0) await writeFile(`${written}.${stream}`, outcome[stream])
      await jobs.fetched(outcome.id)
    }
  } catch (error) {
    // The bid is filled and paid; its result stays in the home.
    const { message, hint } = error instanceof BushelError ? error : failed(error)
    listener.note(hint ? `${message}; ${hint}` : message)
  }
  const how =
    outcome.status === 'ok' ? `exit code ${outcome.exitCode}` : `${outcome.status}: ${outcome.reason}`
  listener.note(`the job that was bid for ${module} was run (${how}): job ${formatKey(outcome.id)}`)
}

async function storedRequest(
  { params, market, fingerprint }: StoredBid,
  signal: AbortSignal
): Promise<RunRequest> {
  const job = await readJob(params, signal)
  if (job.fingerprint.toString('hex') !== fingerprint)
    throw new BushelError(
      'FILE_CHANGED',
      `${params.module} or its input has changed since the bid was made`,
      'make a new bid'
    )
  return requestFor(parseKey(market, 'market key'), params, job)
}

function parse(stored: Buffer): StoredBid {
  return JSON.parse(stored.toString()) as StoredBid
}
