import type { Cancel, Clock } from '../../src/base/clock.js'

interface Timer {
  at: number
  work: () => void
}

/** Lets pending promise callbacks run. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** A clock that the test moves by hand. */
export class ManualClock implements Clock {
  #wall: number
  #monotonic = 0
  #gaps = 0
  readonly #timers = new Set<Timer>()
  readonly #listeners = new Set<(ms: number) => void>()

  constructor(wall = 1_700_000_000_000) {
    this.#wall = wall
  }

  get timers(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  gaps(): number {
    return this.#gaps
  }

  onGap(listener: (ms: number) => void): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  after(ms: number, work: () => void): Cancel {
    const timer = { at: this.#monotonic + ms, work }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Moves time forward with the machine awake: timers fire in order. */
  async advance(ms: number): Promise<void> {
    await turn()
    const end = this.#monotonic + ms
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (!next) break
      this.#timers.delete(next)
      this.#to(Math.max(next.at, this.#monotonic))
      next.work()
      await turn()
    }
    this.#to(end)
  }

  /**
   * Moves time forward with the machine asleep. Where the monotonic clock counts the sleep (as for a stopped
   * process), timers that ran out fire on waking.
   */
  async sleep(ms: number, { counts = true } = {}): Promise<void> {
    await turn()
    this.#wall += ms
    if (counts) this.#monotonic += ms
    this.#gaps++
    for (const listener of [...this.#listeners]) listener(ms)
    await this.advance(0)
  }

  #to(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic
    this.#monotonic = monotonic
  }
}
