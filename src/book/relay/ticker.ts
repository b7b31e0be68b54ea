import { TICK_STEP } from '../view/apply.js'

/** Ticks that are written at once at most: two weeks of absence are made up for in one go. */
const MOST_AT_ONCE = 24 * 14

/** The ticks that bring a market's time from `last` to `now`; none when the clock stands or went back. */
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

/** The founder's clock in the market. */
export class Ticker {
  readonly #options: TickerOptions
  readonly #timer: NodeJS.Timeout
  #writing: Promise<void> | null = null

  constructor(options: TickerOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.tick(), options.interval)
  }

  /** Brings the market's time up to date, where it is behind by more than half an interval. */
  tick(): void {
    const { last, now, interval, write, onfault } = this.#options
    if (this.#writing || now() - last() < interval / 2) return
    const due = ticksDue(last(), now())
    if (due.length === 0) return
    this.#writing = write(due)
      .catch(onfault)
      .finally(() => (this.#writing = null))
  }

  /** Resolves when nothing is being written any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#writing
  }
}
