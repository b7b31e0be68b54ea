/** A peer's budget of requests: what a burst may be, and how many come back a second. */
const BURST = 400
const REFILL = 40

/** One for each connection, however many channels are opened on it. */
export class RequestBudget {
  #left = BURST
  #refilled = Date.now()

  /** False when nothing is left. */
  spend(): boolean {
    const now = Date.now()
    this.#left = Math.min(BURST, this.#left + ((now - this.#refilled) / 1000) * REFILL)
    this.#refilled = now
    return --this.#left >= 0
  }
}
