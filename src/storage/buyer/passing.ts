import { BushelError } from '../../../contracts/errors/error.js'

/** The connection was lost. */
export const GONE = new Set(['PEER_GONE', 'PEER_UNREACHABLE'])
/** The connection or the answer was lost. */
export const LOST = new Set([...GONE, 'TIMEOUT'])
export const PASSING = new Set([...LOST, 'NOT_RECEIVED', 'PAYMENT_PENDING'])

/** True for what befell a step, and may not befall the next one. */
export function isPassing(error: unknown, passing: ReadonlySet<string> = PASSING): boolean {
  return error instanceof BushelError && passing.has(error.code)
}

/** Waits, unless it is aborted meanwhile. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', fail, { once: true })
    function done(): void {
      signal?.removeEventListener('abort', fail)
      resolve()
    }
    function fail(): void {
      clearTimeout(timer)
      reject(signal!.reason as Error)
    }
  })
}
