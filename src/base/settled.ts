import { withTimeout } from './timeouts.js'

/** Waits at most `timeoutMs` until all of the work has ended. Errors are left to its callers. */
export async function settledWithin(work: Iterable<Promise<unknown>>, timeoutMs: number): Promise<void> {
  const pending = [...work]
  if (pending.length === 0) return
  const ended = Promise.allSettled(pending).then(() => undefined)
  await withTimeout(ended, timeoutMs, () => undefined)
}
