import { HOUR, MINUTE } from '../../../contracts/money/quantity.js'
import { Poller } from '../../base/poller.js'
import { pause } from '../../base/timeouts.js'
import { signedStateOf, sweep } from './sweep.js'
import type { SignedState, SweptLog } from './sweep.js'

/** How old a state of the view is, in the market's time, before what it has left behind is cleared, ms. */
const AGE = HOUR
/** The same once so many blocks of the view have come since: what strangers may write in an hour is tens of MB. */
const BUSY_AGE = 10 * MINUTE
const BUSY_BLOCKS = 8192
/** New blocks of the view for which it is worthwhile to look through all of it. */
const LEAST_NEW = 4096
/** Between two runs of blocks that are cleared, ms: peers are told of each, and let nobody tell them more. */
const PACE = 20

export interface SweeperOptions {
  log: () => SweptLog
  /** The market's time, ms since 1970. */
  tick: () => number
  /** Called with the number of blocks that were cleared. */
  onswept: (blocks: number) => void
  onfault: (error: unknown) => void
  leastNew?: number
}

/**
 * Clears the blocks of a market that no state of the last hour needs, of a busy one the last ten minutes, so that its
 * disk does not grow with its past.
 */
export class Sweeper {
  readonly #options: Required<SweeperOptions>
  readonly #poller: Poller
  #mark: { tick: number; state: SignedState } | null = null
  /** Length of the view that was swept last. */
  #swept = 0

  constructor(options: SweeperOptions) {
    this.#options = { leastNew: LEAST_NEW, ...options }
    this.#poller = new Poller({ look: signal => this.#look(signal), onerror: options.onfault })
  }

  /** To be called when the view has changed. */
  poke(): void {
    this.#poller.poke()
  }

  /** Stops; resolves when the running sweep has ended. */
  async stop(): Promise<void> {
    await this.#poller.close()
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { log, tick, leastNew, onswept } = this.#options
    const now = tick()
    if (now === 0) return
    this.#mark ??= { tick: now, state: signedStateOf(log()) }
    const { tick: since, state } = this.#mark
    const age = now - since
    if (age < BUSY_AGE) return
    const newest = signedStateOf(log())
    if (age < AGE && newest.view - state.view < BUSY_BLOCKS) return
    this.#mark = { tick: now, state: newest }
    if (state.view - this.#swept < leastNew) return
    onswept(await sweep(log(), state, () => pause(PACE, signal)))
    this.#swept = state.view
  }
}
