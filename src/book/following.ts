import { Poller } from '../base/poller.js'
import type { ViewDatabase } from './view/database.js'
import { readState } from './view/listing.js'
import type { ViewState } from './view/listing.js'

export interface FollowingOptions {
  view: () => ViewDatabase
  /** The state has been read anew. */
  onstate: () => void
  /** The view is another than before. */
  onchange: () => void
  /** The state could not be read. */
  onfault: (error: unknown) => void
}

const UNKNOWN: ViewState = { rules: null, tick: 0, count: { slots: 0, live: 0 }, relays: new Map() }

/** Keeps at hand what the view says of its market, while the view moves on. */
export class Following {
  readonly #options: FollowingOptions
  #state = UNKNOWN
  readonly #poller: Poller
  #seen = ''

  constructor(options: FollowingOptions) {
    this.#options = options
    // What fails is tried again at the next change of the view.
    this.#poller = new Poller({ look: () => this.#read(), onerror: options.onfault })
  }

  get state(): ViewState {
    return this.#state
  }

  /** Reads what is on this disk, and fetches nothing. */
  async begin(): Promise<void> {
    try {
      this.#state = await readState(this.#options.view(), { wait: false })
    } catch {
      this.#state = UNKNOWN // parts of the view are not here: they are fetched when a peer is there
    }
  }

  /** Resolves when the view as it is now has been taken in. */
  async refresh(): Promise<void> {
    await this.#poller.look()
  }

  /** To be awaited when the view has been closed: what is being read then fails. */
  async stop(): Promise<void> {
    await this.#poller.close()
  }

  async #read(): Promise<void> {
    this.#state = await readState(this.#options.view())
    this.#options.onstate()
    const { core } = this.#options.view()
    const seen = `${core.fork}/${core.length}`
    if (seen === this.#seen) return
    this.#seen = seen
    this.#options.onchange()
  }
}
