import type { RunListener } from './run/run-types.js'

type Work<T> = (listener: RunListener, signal: AbortSignal) => Promise<T>

/** One asynchronous task with several waiters. It is aborted when its last waiter leaves, unless it is detached. */
export class SharedTask<T> {
  readonly promise: Promise<T>
  readonly #controller = new AbortController()
  readonly #listeners = new Set<RunListener>()
  #isDetached = false

  constructor(work: Work<T>) {
    const broadcast: RunListener = {
      note: message => this.#listeners.forEach(one => one.note(message)),
      state: progress => this.#listeners.forEach(one => one.state(progress)),
      paid: payment => this.#listeners.forEach(one => one.paid(payment))
    }
    // Starts in the next microtask, so that the creator can add a listener first.
    this.promise = Promise.resolve().then(() => work(broadcast, this.#controller.signal))
  }

  stop(reason: unknown): void {
    this.#controller.abort(reason)
  }

  /** Adds a listener and lets the task run to its end even when no waiter is left. */
  detach(listener: RunListener): Promise<T> {
    this.#isDetached = true
    this.#listeners.add(listener)
    return this.promise
  }

  /** Waits for the result. Rejects with the signal's reason when the waiter leaves and the task goes on. */
  async join(listener: RunListener, signal: AbortSignal): Promise<T> {
    const own = wrapped(listener)
    this.#listeners.add(own)
    let onabort = (): void => undefined
    const left = new Promise<never>((_, reject) => {
      onabort = () => {
        this.#listeners.delete(own)
        if (this.#listeners.size > 0 || this.#isDetached) return reject(signal.reason as Error)
        this.#controller.abort(signal.reason)
      }
      signal.addEventListener('abort', onabort, { once: true })
      if (signal.aborted) onabort()
    })
    try {
      return await Promise.race([this.promise, left])
    } finally {
      signal.removeEventListener('abort', onabort)
      this.#listeners.delete(own)
    }
  }
}

/** A new object for each waiter, so that the same listener may join twice. */
function wrapped(listener: RunListener): RunListener {
  return {
    note: message => listener.note(message),
    state: progress => listener.state(progress),
    paid: payment => listener.paid(payment)
  }
}
