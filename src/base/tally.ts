import type { Fields, Logger } from './logger.js'

const EVERY = 60_000

/**
 * Says how often something happened that others can make happen as often as they like: the first time of each kind at
 * once, the later ones as a count, at most once a minute.
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

  /** `kind` is a word of our own: there must be few. `fields` are said with the first. */
  count(kind: string, fields: Fields = {}): void {
    const count = this.#counts.get(kind)
    this.#counts.set(kind, (count ?? 0) + 1)
    if (count === undefined) {
      this.#log.warn(this.#message, { bound: kind, times: 1, ...fields })
      this.#counts.set(kind, 0)
    }
    this.#timer ??= setTimeout(() => this.flush(), this.#every).unref()
  }

  /** Says what was counted and not said yet; what comes next is the first again. */
  flush(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    for (const [kind, times] of this.#counts)
      if (times > 0) this.#log.warn(this.#message, { bound: kind, times })
    this.#counts.clear()
  }
}
