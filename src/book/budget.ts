import { KeyedTokenBuckets } from '../base/token-bucket.js'

/** What a peer may cost before it is cut off: so many refused records a minute, and a burst of as many. */
const REFUSALS_PER_MINUTE = 32
const MOST_PEERS = 10_000

/** What things cost, in refusals. */
export const COST = {
  refused: 1,
  /** A record that stands already: no harm, but no stamp was worked out for it either. */
  repeated: 1 / 8,
  /** Anything else that is asked. */
  asked: 1 / 64
} as const

/** Budgets by device, so that a new connection is no new budget. */
export class RefusalBudget {
  readonly #buckets: KeyedTokenBuckets

  constructor(now?: () => number) {
    const rate = { burst: REFUSALS_PER_MINUTE, perSecond: REFUSALS_PER_MINUTE / 60 }
    this.#buckets = new KeyedTokenBuckets(rate, MOST_PEERS, now)
  }

  /** Takes the cost from a peer's budget; false when there is not enough left. */
  spend(peer: Buffer, cost: number): boolean {
    return this.#buckets.spend(peer, cost)
  }

  /** Takes all that is left: the peer sent what no honest node sends. */
  exhaust(peer: Buffer): void {
    this.#buckets.spend(peer, REFUSALS_PER_MINUTE)
  }

  has(peer: Buffer): boolean {
    return this.#buckets.left(peer) >= COST.refused
  }
}
