import type { CallContext, Progress } from './api/api.js'

/** No step tells of itself more often, ms; its first word and its last come always. */
const EVERY = 100

/** The same context, told of progress at a pace that people and pipes can follow. */
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
