import type Hypercore from 'hypercore'
import type { Range } from 'hypercore'
import { Gate } from './gate.js'
import type { GateOptions, GateVerdict } from './gate.js'
import { encodeOperation } from '../view/operation.js'
import { Outbox } from './outbox.js'

export interface RelayingOptions extends GateOptions {
  append: (operation: Buffer) => Promise<void>
  /** Resolves when what was appended shows in the state. */
  refresh: () => Promise<void>
  onfault: (error: unknown) => void
  /** A record is not taken; the word of the verdict. */
  onrefused: (code: string) => void
}

/** What a relay does for others: judges records, appends the good ones, and holds the view to judge by. */
export class Relaying {
  readonly stats = { accepted: 0, refused: 0 }
  /** Whether all of the view is on this disk. */
  holdsAll = false
  readonly #options: RelayingOptions
  readonly #gate: Gate
  readonly #outbox: Outbox
  #fetching: Range | null = null

  constructor(options: RelayingOptions) {
    this.#options = options
    this.#gate = new Gate(options)
    this.#outbox = new Outbox(orders => options.append(encodeOperation('orders', { orders })))
  }

  /** The verdict, and the record on disk and in the view if that is OK. */
  async take(bytes: Buffer): Promise<GateVerdict> {
    const { record, ...verdict } = await this.#gate.judge(bytes)
    if (!record) {
      if (verdict.code !== 'REPEATED') {
        this.stats.refused++
        this.#options.onrefused(verdict.code)
      }
      return verdict
    }
    try {
      await this.#outbox.put(bytes)
      this.stats.accepted++
      await this.#options.refresh()
    } finally {
      this.#gate.passed(record)
    }
    return verdict
  }

  /** Fetches all of the view, so that a relay can judge with nobody else there. */
  hold(core: Hypercore): void {
    if (this.#fetching || this.holdsAll) return
    const range = core.download({ start: 0, end: core.length })
    this.#fetching = range
    range
      .done()
      .then(whole => (this.holdsAll = whole), this.#options.onfault)
      .finally(() => (this.#fetching = null))
  }

  stop(): void {
    this.#fetching?.destroy()
  }
}
