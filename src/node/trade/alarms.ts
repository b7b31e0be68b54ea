import type { Logger } from '../../base/logger.js'

/** Most corrections of the ledger that are kept. */
const MAX_MENDED = 100

/** Alarms about money and the home for the owner, each raised once. */
export class Alarms {
  /** Raised alarms: a home that is an older copy, or a balance that does not add up. */
  readonly raised = new Set<string>()
  /** Corrections of the ledger, newest last. */
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
