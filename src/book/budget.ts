/** What a peer may cost before it is cut off: so many refused records a minute, and a burst of as many. */
const REFUSALS_PER_MINUTE = 32
const MINUTE = 60_000
const MOST_PEERS = 10_000

/** What things cost, in refusals. */
export const COST = {
  refused: 1,
  /** A record that stands already: no harm, but no stamp was worked out for it either. */
  repeated: 1 / 8,
  /** Anything else that is asked. */
  asked: 1 / 64
} as const

/** Token buckets by device, so that a new connection is no new budget. */
export class RefusalBudget {
  readonly #peers = new Map<string, { left: number; at: number }>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Takes the cost from a peer's budget; false when there is not enough left. */
  spend(peer: Buffer, cost: number): boolean {
    const id = peer.toString('hex')
    const left = this.#left(id) - cost
    this.#peers.delete(id)
    this.#peers.set(id, { left: Math.max(left, 0), at: this.#now() }) // the last to spend stands last
    if (this.#peers.size > MOST_PEERS) this.#peers.delete(this.#peers.keys().next().value!)
    return left >= 0
  }

  /** Takes all that is left: the peer sent what no honest node sends. */
  exhaust(peer: Buffer): void {
    this.spend(peer, REFUSALS_PER_MINUTE)
  }

  has(peer: Buffer): boolean {
    return this.#left(peer.toString('hex')) >= COST.refused
  }

  #left(id: string): number {
    const known = this.#peers.get(id)
    if (!known) return REFUSALS_PER_MINUTE
    const earned = (Math.max(0, this.#now() - known.at) * REFUSALS_PER_MINUTE) / MINUTE
    return Math.min(REFUSALS_PER_MINUTE, known.left + earned)
  }
}
