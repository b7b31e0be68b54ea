import type { Logger } from '../../base/logger.js'

/** Lines that are kept of what the ledger was mended in. */
const MAX_MENDED = 100

/** What the owner is told of money and of the home; the same alarm once. */
export class Alarms {
  /** What the owner must know: a home that is an older copy, money that does not add up. */
  readonly raised = new Set<string>()
  /** What the ledger was mended in, newest last. */
  readonly mended: string[] = []
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  raise(alarm: string): void {
    if (this.raised.has(alarm)) return
    this.raised.add(alarm)
    this.#log.warn(alarm)
  }

  mend(lines: string[]): void {
    this.mended.push(...lines)
    this.mended.splice(0, this.mended.length - MAX_MENDED)
    for (const line of lines) this.#log.child('payment').warn(`mended: ${line}`)
  }
}
