import { randomBytes } from 'node:crypto'
import {
  KEY_BYTES,
  TAG_BYTES,
  pieceOf,
  positionsOf,
  samplesFor,
  totalOf,
  writeTag
} from '../../../contracts/evidence/audit-token.js'

/** Positions are found by the part of the ciphertext that they are in: so many in one, and most parts. */
const PER_PART = 16
const MOST_PARTS = 65_536

export interface TokenPlan {
  /** Each set is for one copy. */
  sets: number
  /** Tokens of a set, one for each day. */
  days: number
  /** The most ciphertext of each core, bytes. */
  spans: readonly number[]
}

/**
 * Makes audit tokens while the ciphertext of a drive passes once, in any order. A block that passes again takes the place of
 * the one before: each tag is final when its block has passed for the last time.
 */
export class TokenRecorder {
  readonly samples: number
  readonly plan: TokenPlan
  readonly #keys: Buffer[]
  readonly #tags: Buffer
  readonly #positions: Float64Array
  readonly #bases: number[] = []
  readonly #partBytes: number
  /** Numbers of the positions, part by part; those of a part begin at `starts`. */
  readonly #inOrder: Uint32Array
  readonly #starts: Uint32Array

  constructor(plan: TokenPlan) {
    const { sets, days, spans } = plan
    this.plan = plan
    this.samples = samplesFor(spans)
    this.#keys = Array.from({ length: sets * days }, () => randomBytes(KEY_BYTES))
    const count = this.#keys.length * this.samples
    this.#tags = Buffer.alloc(count * TAG_BYTES)
    this.#positions = new Float64Array(count)
    for (const [i, key] of this.#keys.entries())
      this.#positions.set(positionsOf(key, spans, this.samples), i * this.samples)
    let base = 0
    for (const bytes of spans) {
      this.#bases.push(base)
      base += bytes
    }
    const parts = Math.min(MOST_PARTS, Math.ceil(count / PER_PART))
    this.#partBytes = Math.max(1, Math.ceil(totalOf(spans) / parts))
    this.#starts = new Uint32Array(Math.ceil(totalOf(spans) / this.#partBytes) + 1)
    this.#inOrder = new Uint32Array(count)
    this.#sort()
  }

  /** Takes a block of ciphertext that begins at `offset` of a core. */
  take(core: number, offset: number, block: Buffer): void {
    const base = this.#bases[core]
    const left = (this.plan.spans[core] ?? 0) - offset
    if (base === undefined || left <= 0 || block.byteLength === 0) return
    const begin = base + offset
    const end = begin + Math.min(block.byteLength, left)
    const lastPart = Math.floor((end - 1) / this.#partBytes)
    for (let part = Math.floor(begin / this.#partBytes); part <= lastPart; part++)
      for (let i = this.#starts[part]!; i < this.#starts[part + 1]!; i++) {
        const sample = this.#inOrder[i]!
        const position = this.#positions[sample]!
        if (position < begin || position >= end) continue
        const key = this.#keys[Math.floor(sample / this.samples)]!
        writeTag(this.#tags, sample * TAG_BYTES, key, pieceOf(block, position - begin))
      }
  }

  /** The tokens, set by set and day by day: for each its key and its tags. */
  *records(): Iterable<Buffer> {
    const bytes = this.samples * TAG_BYTES
    for (const [i, key] of this.#keys.entries())
      yield Buffer.concat([key, this.#tags.subarray(i * bytes, (i + 1) * bytes)])
  }

  /** Sorts the positions by part (a counting sort). */
  #sort(): void {
    const partOf = (i: number): number => Math.floor(this.#positions[i]! / this.#partBytes)
    for (let i = 0; i < this.#positions.length; i++) this.#starts[partOf(i) + 1]!++
    for (let part = 1; part < this.#starts.length; part++) this.#starts[part]! += this.#starts[part - 1]!
    const next = this.#starts.slice()
    for (let i = 0; i < this.#positions.length; i++) this.#inOrder[next[partOf(i)]!++] = i
  }
}
