import type { CallContext } from './api/definition/call.js'
import type { Progress } from './api/definition/events.js'

/** Shortest time between two progress events of a step, ms; the first and the last are always sent. */
const EVERY = 100

/** The same context with fewer progress events, at a rate that people and pipes can follow. */
export function throttle(context: CallContext, now: () => number = Date.now): CallContext {
  const told = new Map<string, number>()
  const onProgress = (progress: Progress): void => {
    if (progress.event === 'progress') {
      const last = told.get(progress.step) ?? 0
      const over = progress.total > 0 && progress.done >= progress.total
      if (!over && now() - last < EVERY) return
      told.set(progress.step, over ? 0 : now())
    }
    context.onProgress(progress)
  }
  return { ...context, onProgress }
}
