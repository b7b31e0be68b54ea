import { createHash } from 'node:crypto'

/** Numbers from 0 to 1, the same for the same seed: SHA-256 in counter mode. */
export function sequence(seed: string): () => number {
  let n = 0
  return () => createHash('sha256').update(`${seed}/${n++}`).digest().readUInt32LE(0) / 2 ** 32
}
