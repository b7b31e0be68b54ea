import Hyperbee from 'hyperbee'
import messages from 'hyperbee/lib/messages.js'
import type { Batch, Entry, Fetching } from 'hyperbee'
import type Hypercore from 'hypercore'

// The only file that names the database of the view; the rest of the book knows it by these types.

/** Binary keys and values, in the order of the keys. */
export type ViewDatabase = Hyperbee

export type ViewBatch = Batch<Buffer, Buffer>

/** How blocks that are not here are fetched: `timeout` in ms (rejects with REQUEST_TIMEOUT), `wait: false` not at all. */
export type ViewFetching = Fetching

/** Opens the view in a core. */
export function openView(core: Hypercore): ViewDatabase {
  return new Hyperbee(core, { extension: false, keyEncoding: 'binary', valueEncoding: 'binary' })
}

/**
 * The row of a key, or null. `get` of Hyperbee 2.27.3 is not used: on its way down it takes a tree node that was written
 * together with the key for the row itself, and so finds some rows that were deleted. An iterator compares keys alone.
 */
export function rowAt(
  view: ViewDatabase | ViewBatch,
  key: Buffer,
  fetching: ViewFetching = {}
): Promise<Entry<Buffer, Buffer> | null> {
  return view.peek({ gte: key, lte: key }, fetching)
}

/** A node of the database's tree: the blocks of its rows, and the block and level of each child in turn. */
export function treeNodeIn(block: Buffer, level: number): { keys: number[]; children: number[] } | null {
  return messages.YoloIndex.decode(messages.Node.decode(block).index).levels[level] ?? null
}
