import type { Fields, Logger } from './logger.js'

const EVERY = 60_000

/**
 * Logs events that peers can cause without limit: the first of each kind at once, later ones as a count at most once a
 * minute.
 */
export class Tally {
  readonly #log: Logger
  readonly #message: string
  readonly #counts = new Map<string, number>()
  readonly #every: number
  #timer: NodeJS.Timeout | null = null

  /** `every` in ms. */
  constructor(log: Logger, message: string, every = EVERY) {
    this.#log = log
    this.#message = message
    this.#every = every
  }

  /** `kind` must be one of a few words of our own. `fields` are logged with the first event. */
  count(kind: string, fields: Fields = {}): void {
    const count = this.#counts.get(kind)
    this.#counts.set(kind, (count ?? 0) + 1)
    if (count === undefined) {
      this.#log.warn(this.#message, { bound: kind, times: 1, ...fields })
      this.#counts.set(kind, 0)
    }
    this.#timer ??= setTimeout(() => this.flush(), this.#every).unref()
  }

  /** Logs the counts that were not logged yet; the next event of each kind is logged at once again. */
  flush(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    for (const [kind, times] of this.#counts)
      if (times > 0) this.#log.warn(this.#message, { bound: kind, times })
    this.#counts.clear()
  }
}
