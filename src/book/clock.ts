import type { ViewState } from './view/listing.js'

export interface Clock {
  /** Time of the last tick, 0 before the first. */
  tick: number
  /** How far the ticks are behind this node's clock, ms; below zero they are ahead. */
  behind: number
  state: 'fresh' | 'stale' | 'ahead'
}

/** Ticks this many intervals late are stale; ticks this far ahead (ms) come from another clock. */
const STALE_AFTER = 10
const AHEAD = 2 * 60_000

/** Compares a market's ticks with this node's clock. */
export function clockOf({ tick, rules }: ViewState, now: number): Clock {
  const behind = now - tick
  const late = STALE_AFTER * (rules?.tickInterval ?? 0)
  return {
    tick,
    behind,
    state: behind < -AHEAD ? 'ahead' : behind > Math.max(late, AHEAD) ? 'stale' : 'fresh'
  }
}
