/** Bytes that a peer is asked for before anything is known of its rate. */
const FIRST_BYTES = 1 << 20
/** One block is asked for while another one is under way. */
const LEAST = 2
/** What is asked for beyond the round trip, as time of the peer's link, ms: a busy machine does not ask at once. */
const BEYOND = 250
/** A span counts for so many: one of them may fall into a pause of this machine. */
const REMEMBERED = 4

interface Span {
  /** Blocks a ms. */
  rate: number
  roundTrip: number
}

/**
 * How much to ask one peer for at a time: what it sends in a round trip and a quarter of a second. With less, its link
 * would be idle; whatever is more waits at the peer, where nobody else can send it. Where the link carries more, more comes
 * in that time, and the window grows with it.
 */
export class RequestWindow {
  readonly #blockBytes: number
  #spans: Span[] = []
  /** Of the span that is not over. */
  #begun: number
  #before = 0
  /** The shortest in the span: longer ones have in them what waits in the network. */
  #roundTrip = Infinity

  constructor(blockBytes: number, now: number) {
    this.#blockBytes = Math.max(1, blockBytes)
    this.#begun = now
  }

  /** Blocks to ask for, when `received` have come in all. */
  blocks(received: number, now: number, roundTrip: number): number {
    this.#roundTrip = Math.min(this.#roundTrip, roundTrip)
    const length = Math.min(this.#roundTrip, ...this.#spans.map(span => span.roundTrip)) + BEYOND
    const elapsed = now - this.#begun
    const came = received - this.#before
    if (elapsed >= length) {
      if (came > 0)
        this.#spans = [...this.#spans, { rate: came / elapsed, roundTrip: this.#roundTrip }].slice(
          -REMEMBERED
        )
      this.#begun = now
      this.#before = received
      this.#roundTrip = roundTrip
    }
    if (this.#spans.length === 0) return Math.max(LEAST, Math.ceil(FIRST_BYTES / this.#blockBytes))
    const rate = Math.max(...this.#spans.map(span => span.rate))
    return Math.max(LEAST, Math.ceil(rate * length), elapsed < length ? came : 0)
  }
}
