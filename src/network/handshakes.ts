import { addressOf } from '../base/bounds/address.js'
import { HANDSHAKES } from '../base/bounds/bounds.js'
import { systemClock } from '../base/clock.js'
import { KeyedTokenBuckets, TokenBucket } from '../base/token-bucket.js'

/** Addresses whose handshakes are counted. */
const MOST_COUNTED = 4096

/**
 * How often strangers may begin a connection: each costs both sides some ms and a stream with its buffers, and a key costs
 * nothing. What is over it gets no answer, as if the packet were lost. Until something has come over the connection an
 * address is only claimed.
 */
export class Handshakes {
  readonly #all: TokenBucket
  readonly #addresses: KeyedTokenBuckets

  constructor(now: () => number = () => systemClock.monotonic()) {
    this.#all = new TokenBucket(HANDSHAKES.allRate, now)
    this.#addresses = new KeyedTokenBuckets(HANDSHAKES.addressRate, MOST_COUNTED, now)
  }

  /** Whether a stranger from this host may begin a connection now. One address does not spend what all share. */
  admits(host: string): boolean {
    const address = addressOf(host)
    const key = address === null ? null : Buffer.from(address)
    if (key && this.#addresses.left(key) < 1) return false
    if (!this.#all.spend()) return false
    if (key) this.#addresses.charge(key)
    return true
  }
}
