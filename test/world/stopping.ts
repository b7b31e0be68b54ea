import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const works = new Set<() => void>()

/**
 * Does this when the process is stopped before its tests have ended, until the disposer is called. It must be
 * synchronous: the process of a test file ends at once with a signal, and no hook of its tests runs any more.
 */
export function whenStopped(work: () => void): () => void {
  if (works.size === 0) {
    for (const signal of SIGNALS) process.on(signal, onsignal)
    process.on('exit', onexit)
  }
  works.add(work)
  return () => {
    works.delete(work)
    if (works.size > 0) return
    for (const signal of SIGNALS) process.off(signal, onsignal)
    process.off('exit', onexit)
  }
}

function onsignal(signal: (typeof SIGNALS)[number]): void {
  process.exit(128 + constants.signals[signal])
}

function onexit(): void {
  for (const work of [...works].reverse()) work()
}
