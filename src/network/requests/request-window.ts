/** Bytes that a peer is asked for before anything is known of its rate. */
const FIRST_BYTES = 1 << 20
/** One block is asked for while another one is under way. */
const LEAST = 2
/** What is asked for beyond the round trip, as time of the peer's link, ms: a busy machine does not ask at once. */
const BEYOND = 250
/** A link on which a block takes so many times as long is asked for one block at a time: the next one would wait for it. */
const SLOW = 10
/** A span counts for so many: one of them may fall into a pause of this machine. */
const REMEMBERED = 4

interface Span {
  /** Blocks a ms. */
  rate: number
  roundTrip: number
}

/**
 * How much to ask one peer for at a time: what it sends in a round trip and a quarter of a second, or the time given. With
 * less, its link would be idle; whatever is more waits at the peer, where nobody else can send it, and its other messages wait
 * behind it. Where the link carries more, more comes in that time, and the window grows with it.
 */
export class RequestWindow {
  readonly #blockBytes: number
  readonly #beyond: number
  readonly #first: number
  #spans: Span[] = []
  /** Of the span that is not over. */
  #begun: number
  #before = 0
  /** The shortest in the span: longer ones have in them what waits in the network. */
  #roundTrip = Infinity

  /** `beyond`, ms, and `first`, bytes: asked for beyond the round trip, and before anything is known of the peer's rate. */
  constructor(blockBytes: number, now: number, { beyond = BEYOND, first = FIRST_BYTES } = {}) {
    this.#blockBytes = Math.max(1, blockBytes)
    this.#beyond = beyond
    this.#first = first
    this.#begun = now
  }

  /** Blocks to ask for, when `received` have come in all. */
  blocks(received: number, now: number, roundTrip: number): number {
    this.#roundTrip = Math.min(this.#roundTrip, roundTrip)
    const length = Math.min(this.#roundTrip, ...this.#spans.map(span => span.roundTrip)) + this.#beyond
    const elapsed = now - this.#begun
    const came = received - this.#before
    // A span lasts until something has come, so that the rate of a link that is slower than its blocks is known.
    if (elapsed >= length && came > 0) {
      this.#spans = [...this.#spans, { rate: came / elapsed, roundTrip: this.#roundTrip }].slice(-REMEMBERED)
      this.#begun = now
      this.#before = received
      this.#roundTrip = roundTrip
    }
    if (this.#spans.length === 0) return Math.max(LEAST, Math.ceil(this.#first / this.#blockBytes))
    const rate = Math.max(...this.#spans.map(span => span.rate))
    const least = rate * length < 1 / SLOW ? 1 : LEAST
    return Math.max(least, Math.ceil(rate * length), elapsed < length ? came : 0)
  }
}
