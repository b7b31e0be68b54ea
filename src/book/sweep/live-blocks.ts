import type Hypercore from 'hypercore'
import { treeNodeIn } from '../view/database.js'

export interface BlockSet {
  /** One more than the last block that may be in it. */
  readonly length: number
  has(block: number): boolean
}

/** Blocks that are read at the same time. */
const AT_ONCE = 64

class Marks implements BlockSet {
  readonly length: number
  readonly #bytes: Uint8Array

  constructor(length: number) {
    this.length = length
    this.#bytes = new Uint8Array((length + 7) >> 3)
  }

  add(block: number): void {
    this.#bytes[block >> 3]! |= 1 << (block & 7)
  }

  has(block: number): boolean {
    return (this.#bytes[block >> 3]! & (1 << (block & 7))) !== 0
  }
}

/**
 * The blocks that the database in a core consists of at a length: those of its tree, and of the rows. Null when the last one
 * is not here. Below a node of the tree that is not here nothing is found: such a node of the market fetches what it needs.
 * `read` reads a block, or gives null.
 */
export async function liveBlocks(
  length: number,
  read: (block: number) => Promise<Buffer | null>
): Promise<BlockSet | null> {
  if (length < 2) return null
  const live = new Marks(length)
  live.add(0) // the header
  live.add(length - 1)
  const met = new Set<string>()
  let level = [{ block: length - 1, depth: 0 }]
  let isRoot = true
  while (level.length > 0) {
    const next: typeof level = []
    for (const few of chunks(level)) {
      const nodes = few.map(async ({ block, depth }) => {
        const bytes = await read(block)
        return bytes && treeNodeIn(bytes, depth)
      })
      for (const node of await Promise.all(nodes)) {
        if (!node && isRoot) return null
        for (const key of node?.keys ?? []) live.add(key)
        const children = node?.children ?? []
        for (let i = 0; i < children.length; i += 2) {
          const [block, depth] = [children[i]!, children[i + 1]!]
          const id = `${block}/${depth}`
          if (!(block < length) || met.has(id)) continue // a founder may write a tree that has no end
          met.add(id)
          live.add(block)
          next.push({ block, depth })
        }
      }
    }
    isRoot = false
    level = next
  }
  return live
}

/**
 * Fetches all blocks of the database in a core as it was last signed. False when it was aborted, when nothing is signed, or
 * when no peer has sent a block in time: peers clear what the newest state does not need.
 */
export async function fetchLive(core: Hypercore, timeout: number, signal: AbortSignal): Promise<boolean> {
  const read = async (block: number): Promise<Buffer | null> => {
    signal.throwIfAborted()
    return await core.get(block, { timeout })
  }
  try {
    const live = await liveBlocks(core.signedLength, read)
    if (!live) return false
    for (const few of chunks([...blocksOf(live)])) await Promise.all(few.map(read))
    return true
  } catch (error) {
    if (signal.aborted || (error as { code?: string }).code === 'REQUEST_TIMEOUT') return false
    throw error
  }
}

function* blocksOf(set: BlockSet): Iterable<number> {
  for (let block = 0; block < set.length; block++) if (set.has(block)) yield block
}

function* chunks<T>(all: readonly T[]): Iterable<T[]> {
  for (let i = 0; i < all.length; i += AT_ONCE) yield all.slice(i, i + AT_ONCE)
}
