import { createCipheriv } from 'node:crypto'

/** Start time of every run: 2024-01-01T00:00:00Z, ns since 1970. */
const EPOCH = 1_704_067_200_000_000_000n
/** Each reading advances the clock by this, ns. */
export const STEP = 1_000_000n
const LAST = (1n << 63n) - 1n

/** A deterministic clock, independent of the machine: each reading and each wait of the program advances it. */
export class VirtualClock {
  #passed = 0n

  /** Nanoseconds since the Unix epoch. */
  get now(): bigint {
    return EPOCH + this.#passed
  }

  /** ns since the run began. */
  get passed(): bigint {
    return this.#passed
  }

  advance(ns: bigint): void {
    this.#passed = EPOCH + this.#passed + ns > LAST ? LAST - EPOCH : this.#passed + ns
  }
}

const ZEROS = Buffer.alloc(64 << 10)

/** The key stream of ChaCha20 (RFC 8439; nonce and counter begin at zero) under the job's seed. */
export class SeededRandom {
  readonly #stream

  constructor(seed: Buffer) {
    this.#stream = createCipheriv('chacha20', seed, Buffer.alloc(16))
  }

  fill(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength; at += ZEROS.byteLength) {
      const part = ZEROS.subarray(0, Math.min(ZEROS.byteLength, bytes.byteLength - at))
      bytes.set(this.#stream.update(part), at)
    }
  }
}
