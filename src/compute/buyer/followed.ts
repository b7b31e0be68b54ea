import type { RunListener } from './run/run-types.js'

type Work<T> = (listener: RunListener, signal: AbortSignal) => Promise<T>

/** One piece of work that several may wait for. It is stopped when the last of those who waited has gone. */
export class Followed<T> {
  readonly promise: Promise<T>
  readonly #controller = new AbortController()
  readonly #listeners = new Set<RunListener>()
  #isAttended = false
  #isKept = false

  constructor(work: Work<T>) {
    const tell: RunListener = {
      note: message => this.#listeners.forEach(one => one.note(message)),
      state: progress => this.#listeners.forEach(one => one.state(progress)),
      paid: payment => this.#listeners.forEach(one => one.paid(payment))
    }
    // Begun a turn later, when whoever begins it has it at hand and listens.
    this.promise = Promise.resolve().then(() => work(tell, this.#controller.signal))
  }

  /** True when nobody waits for what it comes to. */
  get isUnattended(): boolean {
    return !this.#isAttended
  }

  stop(reason: unknown): void {
    this.#controller.abort(reason)
  }

  /** Goes on whoever comes and leaves. */
  attend(listener: RunListener): Promise<T> {
    this.#isKept = true
    this.#listeners.add(listener)
    return this.promise
  }

  async follow(listener: RunListener, signal: AbortSignal): Promise<T> {
    const own = { ...bound(listener) }
    this.#listeners.add(own)
    this.#isAttended = true
    let onabort = (): void => undefined
    const left = new Promise<never>((_, reject) => {
      onabort = () => {
        this.#listeners.delete(own)
        this.#isAttended = this.#listeners.size > (this.#isKept ? 1 : 0)
        if (this.#isAttended || this.#isKept) return reject(signal.reason as Error)
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

/** Each follower counts, also one that listens twice. */
function bound(listener: RunListener): RunListener {
  return {
    note: message => listener.note(message),
    state: progress => listener.state(progress),
    paid: payment => listener.paid(payment)
  }
}
