import { Poller } from '../../base/poller.js'
import type { ViewDatabase } from '../view/database.js'
import { readState } from '../view/listing.js'
import type { ViewState } from '../view/listing.js'

export interface FollowingOptions {
  view: () => ViewDatabase
  /** Reads from the log, again when it skipped ahead meanwhile. */
  read: (read: () => Promise<ViewState>) => Promise<ViewState>
  /** Called when the state was read again. */
  onstate: () => void
  /** Called when the view has changed. */
  onchange: () => void
  /** Called when the state could not be read. */
  onfault: (error: unknown) => void
}

const UNKNOWN: ViewState = { rules: null, tick: 0, count: { slots: 0, live: 0 }, relays: new Map() }

/** Keeps the market's state up to date with its view. */
export class Following {
  readonly #options: FollowingOptions
  #state = UNKNOWN
  readonly #poller: Poller
  #seen = ''

  constructor(options: FollowingOptions) {
    this.#options = options
    // A failed read is repeated at the next change of the view.
    this.#poller = new Poller({ look: () => this.#read(), onerror: options.onfault })
  }

  get state(): ViewState {
    return this.#state
  }

  /** Reads the state from disk without fetching anything. */
  async begin(): Promise<void> {
    try {
      this.#state = await readState(this.#options.view(), { wait: false })
    } catch {
      this.#state = UNKNOWN // missing blocks of the view are fetched once a peer is connected
    }
  }

  /** Resolves when the state reflects the current view. */
  async refresh(): Promise<void> {
    await this.#poller.look()
  }

  /** Await this after closing the view, which makes running reads fail. */
  async stop(): Promise<void> {
    await this.#poller.close()
  }

  async #read(): Promise<void> {
    const { read, view } = this.#options
    this.#state = await read(() => readState(view()))
    this.#options.onstate()
    const { core } = view()
    const seen = `${core.fork}/${core.length}`
    if (seen === this.#seen) return
    this.#seen = seen
    this.#options.onchange()
  }
}
