import { KeyedTokenBuckets } from '../base/token-bucket.js'

/** Refused records per minute, and in a burst, before a peer is cut off. */
const REFUSALS_PER_MINUTE = 32
const MOST_PEERS = 10_000

/** Costs of requests, in refusals. */
export const COST = {
  refused: 1,
  /** A record that is on the book already: harmless, but the peer computed no stamp for it. */
  repeated: 1 / 8,
  /** Any other request. */
  asked: 1 / 64
} as const

/** Budgets by device, so that a new connection does not renew the budget. */
export class RefusalBudget {
  readonly #buckets: KeyedTokenBuckets

  constructor(now?: () => number) {
    const rate = { burst: REFUSALS_PER_MINUTE, perSecond: REFUSALS_PER_MINUTE / 60 }
    this.#buckets = new KeyedTokenBuckets(rate, MOST_PEERS, now)
  }

  /** Subtracts the cost from a peer's budget; false when less is left. */
  spend(peer: Buffer, cost: number): boolean {
    return this.#buckets.charge(peer, cost)
  }

  /** Empties the budget of a peer that broke the protocol. */
  exhaust(peer: Buffer): void {
    this.#buckets.charge(peer, REFUSALS_PER_MINUTE)
  }

  has(peer: Buffer): boolean {
    return this.#buckets.left(peer) >= COST.refused
  }
}
