import { BOUNDS, FORWARDING } from '../../base/bounds/bounds.js'
import { KeyedTokenBuckets, TokenBucket } from '../../base/token-bucket.js'

/** Devices and addresses whose bytes are counted. */
const MOST_COUNTED = 4096

interface Account {
  device: Buffer
  address: string | null
}

/**
 * How many bytes a forwarder forwards: for a device, an address and all together. What is used up comes back slowly. Packets
 * are forwarded below this process, so that a pair can be ended, and not slowed down.
 */
export class Allowance {
  readonly #devices: KeyedTokenBuckets
  readonly #addresses: KeyedTokenBuckets
  readonly #all: TokenBucket

  constructor(now: () => number) {
    this.#devices = new KeyedTokenBuckets(FORWARDING.peerRate, MOST_COUNTED, now)
    this.#addresses = new KeyedTokenBuckets(FORWARDING.addressRate, MOST_COUNTED, now)
    this.#all = new TokenBucket(FORWARDING.allRate, now)
  }

  /** Bytes that are used up of what all may have. */
  get used(): number {
    return Math.floor(BOUNDS.forwarded.all - this.#all.left)
  }

  isLeft({ device, address }: Account): boolean {
    const ofAddress = address === null ? Infinity : this.#addresses.left(Buffer.from(address))
    return this.#all.left > 0 && this.#devices.left(device) > 0 && ofAddress > 0
  }

  /** Counts bytes that were forwarded for an account. */
  charge({ device, address }: Account, bytes: number): void {
    this.#all.charge(bytes)
    this.#devices.charge(device, bytes)
    if (address !== null) this.#addresses.charge(Buffer.from(address), bytes)
  }
}
