import { withTimeout } from './timeouts.js'

/** Waits until all of the work has ended, however it ended, but at most `timeoutMs`: whoever began it hears of it. */
export async function settledWithin(work: Iterable<Promise<unknown>>, timeoutMs: number): Promise<void> {
  const pending = [...work]
  if (pending.length === 0) return
  const ended = Promise.allSettled(pending).then(() => undefined)
  await withTimeout(ended, timeoutMs, () => undefined)
}
