import { Poller } from '../../base/poller.js'
import { TICK_STEP } from '../view/apply.js'

/** Most ticks written at once: enough to catch up on two weeks. */
const MOST_AT_ONCE = 24 * 14

/** The ticks that bring a market's time from `last` to `now`; none when the clock went back. */
export function ticksDue(last: number, now: number): number[] {
  if (last === 0) return [now]
  const due: number[] = []
  for (let time = last; time < now && due.length < MOST_AT_ONCE;) {
    time = Math.min(time + TICK_STEP, now)
    due.push(time)
  }
  return due
}

export interface TickerOptions {
  /** ms */
  interval: number
  last: () => number
  now: () => number
  write: (times: number[]) => Promise<void>
  onfault: (error: unknown) => void
}

/** Publishes the founder's clock in the market. */
export class Ticker {
  readonly #options: TickerOptions
  readonly #poller: Poller

  constructor(options: TickerOptions) {
    this.#options = options
    const { interval, onfault } = options
    this.#poller = new Poller({ look: () => this.#tick(), interval, onerror: onfault })
    void this.#poller.start(interval)
  }

  /** Publishes ticks when the market's time is behind by more than half an interval. */
  tick(): void {
    this.#poller.poke()
  }

  async #tick(): Promise<void> {
    const { last, now, interval, write } = this.#options
    if (now() - last() < interval / 2) return
    const due = ticksDue(last(), now())
    if (due.length > 0) await write(due)
  }

  /** Stops; resolves when the last write has ended. */
  async stop(): Promise<void> {
    await this.#poller.close()
  }
}
