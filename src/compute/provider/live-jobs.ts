import type { JobFacts } from './job/requests.js'

/** A job with running work. */
export interface LiveJob extends JobFacts {
  readonly stop: AbortController
}

/** The jobs with running work, by their keys. */
export class LiveJobs {
  readonly #live = new Map<string, { job: LiveJob; done: Promise<void> }>()

  get(key: string): LiveJob | null {
    return this.#live.get(key)?.job ?? null
  }

  /** Starts work, which must not reject; `onend` is called when it has ended. */
  begin(key: string, work: (job: LiveJob) => Promise<void>, onend: () => void): void {
    const job: LiveJob = { state: 'QUEUED', fuel: 0n, paid: 0, stop: new AbortController() }
    const live = { job, done: Promise.resolve() }
    this.#live.set(key, live)
    live.done = work(job).finally(() => {
      this.#live.delete(key)
      onend()
    })
  }

  stopAll(reason: Error): void {
    for (const { job } of this.#live.values()) job.stop.abort(reason)
  }

  /** Resolves when all work has ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#live.values()].map(({ done }) => done))
  }
}
