import { trustedNow } from './time/trusted-time.js'

/** Cancels a timer or removes a listener; further calls do nothing. */
export type Cancel = () => void

export interface Clock {
  /** Wall clock, ms since 1970, for times that are signed, stored or shown. It may jump. */
  now(): number
  /** A clock in ms that never goes back, for durations. Whether it counts sleep depends on the system. */
  monotonic(): number
  /** How often waits were cut short so far: this process stood still, or its own network was interrupted. */
  gaps(): number
  /** Called with the ms for which this process stood still, each time. */
  onGap(listener: (ms: number) => void): Cancel
  /** Calls `work` once after `ms`; with `unref` that alone does not keep the process alive. */
  after(ms: number, work: () => void, options?: { unref?: boolean }): Cancel
}

/** ms between two readings of the clocks. */
const TICK = 1000
/** A reading this late, ms, is a gap: far more than a busy machine delays a timer. */
const GAP = 4000
/** Longest delay of setTimeout; it fires at once for longer ones. */
const LONGEST = 2 ** 31 - 1

export interface TimeSources {
  wall: () => number
  monotonic: () => number
}

/**
 * Detects gaps between readings of two clocks. One clock is not enough: the monotonic clock of some systems stops while
 * the machine sleeps, and the wall clock may be set back. A wall clock that is set forward looks like a gap, which only
 * makes a wait longer.
 */
export class GapDetector {
  readonly #sources: TimeSources
  readonly #listeners = new Set<(ms: number) => void>()
  #last: { wall: number; monotonic: number }
  #gaps = 0

  constructor(sources: TimeSources) {
    this.#sources = sources
    this.#last = { wall: sources.wall(), monotonic: sources.monotonic() }
  }

  /** Reads the clocks; must be called at least once a tick. Returns the number of gaps so far. */
  look(): number {
    const wall = this.#sources.wall()
    const monotonic = this.#sources.monotonic()
    const passed = Math.max(wall - this.#last.wall, monotonic - this.#last.monotonic)
    this.#last = { wall, monotonic }
    if (passed > TICK + GAP) {
      this.#gaps++
      for (const listener of [...this.#listeners]) listener(passed)
    }
    return this.#gaps
  }

  /** Counts a gap in which this process ran and could hear nobody. */
  interrupt(): void {
    this.#gaps++
  }

  onGap(listener: (ms: number) => void): Cancel {
    const own = (ms: number): void => listener(ms)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }
}

class SystemClock implements Clock {
  /** Created by the first wait; from then on the clocks are read every tick. */
  #detector: GapDetector | null = null

  now(): number {
    return trustedNow()
  }

  monotonic(): number {
    return performance.now()
  }

  gaps(): number {
    return this.#watch().look()
  }

  interrupt(): void {
    this.#watch().interrupt()
  }

  onGap(listener: (ms: number) => void): Cancel {
    return this.#watch().onGap(listener)
  }

  after(ms: number, work: () => void, { unref = false } = {}): Cancel {
    const timer = setTimeout(work, Math.min(ms, LONGEST))
    if (unref) timer.unref()
    return () => clearTimeout(timer)
  }

  #watch(): GapDetector {
    if (!this.#detector) {
      const detector = new GapDetector({ wall: () => Date.now(), monotonic: () => this.monotonic() })
      setInterval(() => detector.look(), TICK).unref()
      this.#detector = detector
    }
    return this.#detector
  }
}

const system = new SystemClock()
export const systemClock: Clock = system

/** Call when the network of this node itself was interrupted: each wait for a peer begins anew. */
export function beginWaitsAnew(): void {
  system.interrupt()
}
