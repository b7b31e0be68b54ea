/** Bytes that a peer is asked for before anything is known of its rate. */
const FIRST_BYTES = 1 << 20
/** One block is asked for while another one is under way. */
const LEAST = 2
/** What is asked for beyond the round trip, as time of the peer's link, ms: a busy machine does not ask at once. */
const BEYOND = 250
/** A rate counts for so many spans, as one of them may fall into a pause of this machine. */
const REMEMBERED = 4

/**
 * How much to ask one peer for at a time: what it sends in a round trip and a quarter of a second. With less, its link
 * would be idle; whatever is more waits at the peer, where nobody else can send it. Where the link carries more, more comes
 * in that time, and the window grows with it.
 */
export class RequestWindow {
  readonly #blockBytes: number
  /** The shortest round trip seen: a later one has the waiting in it that this window makes. */
  #roundTrip = Infinity
  #begun: number
  #before = 0
  /** Blocks a ms in the last spans. */
  #rates: number[] = []

  constructor(blockBytes: number, now: number) {
    this.#blockBytes = Math.max(1, blockBytes)
    this.#begun = now
  }

  /** Blocks to ask for, when `received` have come in all. */
  blocks(received: number, now: number, roundTrip: number): number {
    this.#roundTrip = Math.min(this.#roundTrip, roundTrip)
    const span = this.#roundTrip + BEYOND
    const elapsed = now - this.#begun
    const came = received - this.#before
    if (elapsed >= span) {
      if (came > 0) this.#rates = [...this.#rates, came / elapsed].slice(-REMEMBERED)
      this.#begun = now
      this.#before = received
    }
    if (this.#rates.length === 0) return Math.max(LEAST, Math.ceil(FIRST_BYTES / this.#blockBytes))
    const inSpan = Math.ceil(Math.max(...this.#rates) * span)
    return Math.max(LEAST, inSpan, elapsed < span ? came : 0)
  }
}
