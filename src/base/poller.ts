import { systemClock } from './clock.js'
import type { Cancel, Clock } from './clock.js'

export interface PollerOptions {
  /** Does what is due; `signal` is aborted when the poller closes. */
  look: (signal: AbortSignal) => Promise<void> | void
  /** ms from the end of one look to the next; without it only `poke` and `look` lead to one. */
  interval?: number
  /** ms to the next look after one that failed. */
  retry?: number
  /** Pokes within so many ms make one look. */
  settle?: number
  /** Between two looks the process stays alive; by default a poller alone does not keep it. */
  keepAlive?: boolean
  /** Hears why a look failed; the next one comes all the same. */
  onerror: (error: unknown) => void
  clock?: Clock
}

/** Looks at what is due now and then: never twice at once, and once more when that is asked for meanwhile. */
export class Poller {
  readonly #options: PollerOptions
  readonly #clock: Clock
  readonly #stop = new AbortController()
  #isStarted = false
  #timer: Cancel | null = null
  #settling: Cancel | null = null
  #looking: Promise<void> | null = null
  /** The look that follows the one under way. */
  #next: Promise<void> | null = null

  constructor(options: PollerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Looks for the first time after `delay` ms, and from then on at the interval. Resolves after a look at once. */
  async start(delay = 0): Promise<void> {
    this.#isStarted = true
    if (delay > 0) this.#wait(delay)
    else await this.look()
  }

  /** Looks soon. */
  poke(): void {
    const { settle = 0 } = this.#options
    if (this.signal.aborted || this.#settling) return
    if (settle === 0) return void this.look()
    this.#settling = this.#clock.after(
      settle,
      () => {
        this.#settling = null
        void this.look()
      },
      { unref: true }
    )
  }

  /** Resolves when a look that began no earlier than this call is over, whatever it came to. */
  look(): Promise<void> {
    if (this.signal.aborted) return this.#looking ?? Promise.resolve()
    if (!this.#looking && !this.#next) return this.#begin()
    this.#next ??= this.#looking!.then(() => {
      this.#next = null
      return this.signal.aborted ? undefined : this.#begin()
    })
    return this.#next
  }

  /** Begins no look any more, and waits for the one under way. */
  async close(reason?: unknown): Promise<void> {
    this.#stop.abort(reason)
    this.#timer?.()
    this.#settling?.()
    await this.#looking
  }

  #begin(): Promise<void> {
    this.#timer?.()
    this.#timer = null
    this.#looking = this.#run()
    return this.#looking
  }

  async #run(): Promise<void> {
    const { look, interval, retry = interval, onerror } = this.#options
    let wait = interval
    try {
      await (async () => look(this.signal))() // also what is thrown at once is met in a later turn
    } catch (error) {
      wait = retry
      onerror(error)
    } finally {
      this.#looking = null
      if (this.#isStarted && wait !== undefined) this.#wait(wait)
    }
  }

  #wait(ms: number): void {
    if (this.signal.aborted) return
    this.#timer?.()
    this.#timer = this.#clock.after(ms, () => void this.look(), { unref: !this.#options.keepAlive })
  }
}
