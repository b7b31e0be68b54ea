import { uptime } from 'node:os'
import { HOUR, MINUTE, formatTime } from '../../../contracts/money/quantity.js'

/** A wall clock that moves further than this from what has passed, ms, has been set. */
const MOST_DRIFT = MINUTE
/** A wall clock that was set is believed when it has stood for so long, ms. */
const BELIEVED_AFTER = HOUR

export interface TimeOrigins {
  /** Wall clock, ms since 1970. */
  wall: () => number
  /** ms; need not count sleep. */
  monotonic: () => number
  /** ms since the machine was started; counts sleep. */
  uptime: () => number
}

interface Reading {
  wall: number
  monotonic: number
  uptime: number
}

/**
 * The time of leases, orders and ticks. A wall clock may be wrong for a minute, when the battery of a machine is empty or
 * somebody sets it; what is deleted or expired by it never comes back. So a clock that jumps further than the time that has
 * passed, sleep included, is not followed until it has stood for an hour; the time before the jump goes on meanwhile.
 */
export class TrustedTime {
  readonly #origins: TimeOrigins
  readonly #listeners = new Set<(jumpMs: number) => void>()
  /** The last reading that was believed. */
  #last: Reading
  /** Since when the wall clock has stood apart, and how far; null: it is believed. */
  #apart: { since: number; jump: number } | null = null

  constructor(origins: TimeOrigins) {
    this.#origins = origins
    this.#last = read(origins)
  }

  /** ms since 1970. */
  now(): number {
    const { wall, monotonic } = this.#origins
    const [now, ticked] = [wall(), monotonic()]
    const drift = now - this.#last.wall - (ticked - this.#last.monotonic)
    // A clock that is believed and a machine that has not slept need no look at the uptime.
    if (!this.#apart && Math.abs(drift) <= MOST_DRIFT) {
      if (Math.abs(drift) > MOST_DRIFT / 2) this.#last = read(this.#origins)
      return now
    }
    return this.#judge()
  }

  /** How far the wall clock is ahead of this time, ms; 0 while it is believed. */
  get jump(): number {
    this.now()
    return this.#apart?.jump ?? 0
  }

  /** Called with the length of a jump, ms, when the wall clock is no longer followed; with 0 when it is again. */
  onJump(listener: (jumpMs: number) => void): () => void {
    const own = (jump: number): void => listener(jump)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  #judge(): number {
    const now = read(this.#origins)
    const passed = Math.max(now.monotonic - this.#last.monotonic, now.uptime - this.#last.uptime)
    const jump = now.wall - this.#last.wall - passed
    if (Math.abs(jump) <= MOST_DRIFT) return this.#believe(now)
    if (!this.#apart || Math.abs(jump - this.#apart.jump) > MOST_DRIFT) {
      this.#apart = { since: now.uptime, jump }
      this.#tell(jump)
    } else if (now.uptime - this.#apart.since >= BELIEVED_AFTER) return this.#believe(now)
    return Math.floor(now.wall - jump)
  }

  #believe(now: Reading): number {
    const wasApart = this.#apart !== null
    this.#apart = null
    this.#last = now
    if (wasApart) this.#tell(0)
    return now.wall
  }

  #tell(jump: number): void {
    for (const listener of [...this.#listeners]) listener(jump)
  }
}

function read({ wall, monotonic, uptime: up }: TimeOrigins): Reading {
  return { wall: wall(), monotonic: monotonic(), uptime: up() }
}

export const trustedTime = new TrustedTime({
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  uptime: () => uptime() * 1000
})

/** What the user is told of a clock that is not followed. */
export function clockNote(jumpMs: number): string {
  const way = jumpMs > 0 ? 'ahead' : 'back'
  return (
    `the clock of this machine was set ${formatTime(Math.abs(jumpMs))} ${way}; this node goes on with the time before ` +
    'until the clock has stood for an hour; set it right, or, if it is right, start the node anew'
  )
}

/** The time of this process, ms since 1970; see `TrustedTime`. */
export function trustedNow(): number {
  return trustedTime.now()
}
