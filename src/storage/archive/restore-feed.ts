import type Hypercore from 'hypercore'
import type { Range } from 'hypercore'
import { KIB, MIB } from '../../../contracts/money/quantity.js'
import { compactCore } from '../../network/cores.js'
import { tuneRequests } from '../../network/requests/tune-requests.js'

/** Size of the window of blocks requested ahead of the writer, from all providers together. */
const AHEAD_BYTES = 128 * MIB
const MIN_AHEAD_BLOCKS = 256
const MAX_AHEAD_BLOCKS = 4096
/** The window consists of this many chunks and moves by one chunk. */
const CHUNKS_AHEAD = 4
/** Blocks of at least this size are requested in order, to be written as they come; smaller ones cost less in any order. */
const LINEAR_BYTES = 64 * KIB
/** Bytes written after which blocks are cleared from the core, and after which the store is compacted. */
const CLEAR_BYTES = 32 * MIB
const COMPACT_BYTES = 256 * MIB

/** Blocks from `start` up to, not including, `end`. */
export interface BlockRange {
  start: number
  end: number
}

/**
 * Supplies the blocks of a core in the order of the given ranges, and requests a window of blocks ahead from all
 * providers, different blocks from each. Clears written blocks from the store.
 */
export class Feed {
  readonly #core: Hypercore
  readonly #chunks: BlockRange[]
  readonly #linear: boolean
  readonly #asked: Range[] = []
  #passed = 0
  #cleared = 0
  #written = 0
  #uncompacted = 0
  /** Calls of `get` that wait for a block from a provider. */
  waiting = 0

  /** `bytes`: approximate size of all ranges together. */
  constructor(core: Hypercore, runs: readonly BlockRange[], bytes: number) {
    this.#core = core
    const blocks = runs.reduce((sum, { start, end }) => sum + end - start, 0)
    const blockBytes = Math.max(1, bytes / Math.max(1, blocks))
    this.#linear = blockBytes >= LINEAR_BYTES
    const ahead = Math.min(MAX_AHEAD_BLOCKS, Math.max(MIN_AHEAD_BLOCKS, Math.round(AHEAD_BYTES / blockBytes)))
    this.#chunks = runs.flatMap(run => cut(run, Math.ceil(ahead / CHUNKS_AHEAD)))
    tuneRequests(core, blockBytes)
  }

  /** The decrypted block. The index must not be below a chunk that was passed. */
  async get(index: number): Promise<Buffer> {
    this.#reach(index)
    this.waiting++
    try {
      return (await this.#core.get(index))!
    } finally {
      this.waiting--
    }
  }

  #reach(index: number): void {
    while (this.#passed < this.#chunks.length && this.#chunks[this.#passed]!.end <= index) {
      this.#asked[this.#passed++]?.destroy()
    }
    const until = Math.min(this.#passed + CHUNKS_AHEAD, this.#chunks.length)
    while (this.#asked.length < until) {
      const chunk = this.#chunks[this.#asked.length]!
      this.#asked.push(this.#core.download({ ...chunk, linear: this.#linear }))
    }
  }

  /** Call when all blocks before `index` are written; `bytes` were written since the last call. */
  async written(index: number, bytes: number): Promise<void> {
    this.#written += bytes
    if (this.#written < CLEAR_BYTES) return
    await this.#core.clear(this.#cleared, index)
    this.#cleared = index
    this.#uncompacted += this.#written
    this.#written = 0
    if (this.#uncompacted < COMPACT_BYTES) return
    this.#uncompacted = 0
    await compactCore(this.#core)
  }

  close(): void {
    for (const range of this.#asked) range.destroy()
  }
}

/** Joins adjacent and overlapping ranges, given in ascending order. */
export function joinRanges(runs: Iterable<BlockRange>): BlockRange[] {
  const joined: BlockRange[] = []
  for (const { start, end } of runs) {
    const last = joined.at(-1)
    if (end <= start) continue
    if (last && start <= last.end) last.end = Math.max(last.end, end)
    else joined.push({ start, end })
  }
  return joined
}

function cut({ start, end }: BlockRange, blocks: number): BlockRange[] {
  const chunks: BlockRange[] = []
  for (let at = start; at < end; at += blocks) chunks.push({ start: at, end: Math.min(at + blocks, end) })
  return chunks
}
