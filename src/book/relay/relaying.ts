import { Gate } from './gate.js'
import type { GateOptions, GateVerdict } from './gate.js'
import { encodeOperation } from '../view/operation.js'
import { Outbox } from './outbox.js'
import { Holding } from './holding.js'

export interface RelayingOptions extends GateOptions {
  append: (operation: Buffer) => Promise<void>
  /** Resolves when the state includes what was appended. */
  refresh: () => Promise<void>
  onfault: (error: unknown) => void
  /** Called with the code of the verdict when a record is refused. */
  onrefused: (code: string) => void
}

/** The work of a relay: judges records, appends the accepted ones, and holds the view for it. */
export class Relaying {
  readonly stats = { accepted: 0, refused: 0 }
  readonly holding: Holding
  readonly #options: RelayingOptions
  readonly #gate: Gate
  readonly #outbox: Outbox

  constructor(options: RelayingOptions) {
    this.#options = options
    this.#gate = new Gate(options)
    this.holding = new Holding(options)
    this.#outbox = new Outbox(orders => options.append(encodeOperation('orders', { orders })))
  }

  /** Returns the verdict; with OK the record is on disk and in the view. */
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
}
