/** Lines that are kept of what the ledger was mended in. */
const MAX_MENDED = 100

/** What the owner is told of money and of the home; the same alarm once. */
export class Alarms {
  /** What the owner must know: a home that is an older copy, money that does not add up. */
  readonly raised = new Set<string>()
  /** What the ledger was mended in, newest last. */
  readonly mended: string[] = []
  readonly #onnote: (note: string) => void

  constructor(onnote: (note: string) => void) {
    this.#onnote = onnote
  }

  raise(alarm: string): void {
    if (this.raised.has(alarm)) return
    this.raised.add(alarm)
    this.#onnote(alarm)
  }

  mend(lines: string[]): void {
    this.mended.push(...lines)
    this.mended.splice(0, this.mended.length - MAX_MENDED)
    for (const line of lines) this.#onnote(line)
  }
}
