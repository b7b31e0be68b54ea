import type Hypercore from 'hypercore'
import { fetchLive } from '../sweep/live-blocks.js'
import { FETCH_TIMEOUT } from '../view/listing.js'

export interface HoldingOptions {
  onfault: (error: unknown) => void
  /** Fetches what the newest signed view consists of; false when it could not. */
  fetch?: (core: Hypercore, signal: AbortSignal) => Promise<boolean>
}

/** Downloads what the view consists of, so that a relay can judge records while no other node is connected. */
export class Holding {
  readonly #options: Required<HoldingOptions>
  #holdsAll = false
  /** The fetch that runs. */
  #fetch: AbortController | null = null
  #isStopped = false

  constructor(options: HoldingOptions) {
    const fetch = (core: Hypercore, signal: AbortSignal): Promise<boolean> =>
      fetchLive(core, FETCH_TIMEOUT, signal)
    this.#options = { fetch, ...options }
  }

  /** True when the whole view is on this disk. */
  get holdsAll(): boolean {
    return this.#holdsAll
  }

  /** Fetches what is not here, unless that is being done. */
  hold(core: Hypercore): void {
    if (this.#fetch || this.#holdsAll || this.#isStopped) return
    const fetch = new AbortController()
    this.#fetch = fetch
    this.#options.fetch(core, fetch.signal).then(
      whole => {
        if (this.#fetch === fetch) [this.#fetch, this.#holdsAll] = [null, whole]
      },
      (error: unknown) => {
        if (this.#fetch === fetch) this.#fetch = null
        this.#options.onfault(error)
      }
    )
  }

  /** Call this when the view was replaced by one that is not here: what is being fetched is of the view before. */
  replaced(): void {
    this.#holdsAll = false
    this.#fetch?.abort()
    this.#fetch = null
  }

  stop(): void {
    this.#isStopped = true
    this.#fetch?.abort()
  }
}
