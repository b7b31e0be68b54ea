import { BushelError } from '../../../../contracts/errors/error.js'
import type { MapOutcome, RunOutcome, RunRequest } from './run-types.js'

export interface MapOptions {
  /** Most jobs at a time. */
  parallel(): Promise<number>
  run(request: RunRequest, signal: AbortSignal): Promise<RunOutcome>
  signal: AbortSignal
}

/** Attempts at a job that finds no provider while other jobs run. */
const MAX_ATTEMPTS = 4

/**
 * Runs many requests, a few at a time, and yields each outcome as it comes. A job that finds no provider while other jobs
 * keep the providers busy goes back to the head of the queue; the parallelism drops to the number of running jobs and
 * grows by one with each finished job. When the caller stops reading, the running jobs are aborted.
 */
export async function* mapped(
  requests: readonly RunRequest[],
  { parallel, run, signal }: MapOptions
): AsyncGenerator<MapOutcome> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const queue = requests.map((request, index) => ({ index, request, tries: 1 }))
  const running = new Map<number, Promise<{ result: MapOutcome; retry: (typeof queue)[number] | null }>>()
  const most = Math.max(1, await parallel())
  let width = most

  const attempt = async (
    one: (typeof queue)[number]
  ): Promise<{ result: MapOutcome; retry: (typeof queue)[number] | null }> => {
    const { index, request, tries } = one
    try {
      return { result: { index, outcome: await run(request, both), error: null }, retry: null }
    } catch (error) {
      if (both.aborted || !(error instanceof BushelError)) throw error
      const again = error.code === 'NO_OFFER' && tries < MAX_ATTEMPTS && running.size > 1
      return { result: { index, outcome: null, error }, retry: again ? { ...one, tries: tries + 1 } : null }
    }
  }

  try {
    while (queue.length > 0 || running.size > 0) {
      signal.throwIfAborted()
      while (queue.length > 0 && running.size < width) {
        const one = queue.shift()!
        running.set(one.index, attempt(one))
      }
      const { result, retry } = await Promise.race(running.values())
      running.delete(result.index)
      if (retry) {
        queue.unshift(retry)
        width = Math.max(running.size, 1)
      } else {
        width = Math.min(width + 1, most)
        yield result
      }
    }
  } finally {
    stop.abort(new BushelError('CLOSED', 'the other jobs were stopped'))
    await Promise.allSettled(running.values()) // their outcomes are not needed
  }
}
