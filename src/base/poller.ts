import { systemClock } from './clock.js'
import type { Cancel, Clock } from './clock.js'

export interface PollerOptions {
  /** Does the work that is due; `signal` is aborted when the poller closes. */
  look: (signal: AbortSignal) => Promise<void> | void
  /** ms from the end of one look to the next; without it only `poke` and `look` start one. */
  interval?: number
  /** ms to the next look after a failed one. */
  retry?: number
  /** Pokes within this many ms start one look. */
  settle?: number
  /** Keeps the process alive between two looks; false by default. */
  keepAlive?: boolean
  /** Called when a look fails; the next one is still scheduled. */
  onerror: (error: unknown) => void
  clock?: Clock
}

/** Runs `look` at intervals and on request, never twice at once; a request during a look starts one more after it. */
export class Poller {
  readonly #options: PollerOptions
  readonly #clock: Clock
  readonly #stop = new AbortController()
  #isStarted = false
  #timer: Cancel | null = null
  #settling: Cancel | null = null
  #looking: Promise<void> | null = null
  /** The look that follows the running one. */
  #next: Promise<void> | null = null

  constructor(options: PollerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Starts looking after `delay` ms, then at the interval. Without a delay it resolves after the first look. */
  async start(delay = 0): Promise<void> {
    this.#isStarted = true
    if (delay > 0) this.#wait(delay)
    else await this.look()
  }

  /** Requests a look soon. */
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

  /** Resolves when a look that started after this call has ended, also when it failed. */
  look(): Promise<void> {
    if (this.signal.aborted) return this.#looking ?? Promise.resolve()
    if (!this.#looking && !this.#next) return this.#begin()
    this.#next ??= this.#looking!.then(() => {
      this.#next = null
      return this.signal.aborted ? undefined : this.#begin()
    })
    return this.#next
  }

  /** Starts no more looks and waits for the running one. */
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
      await (async () => look(this.signal))() // a synchronous throw becomes a rejection too
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
