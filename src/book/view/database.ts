import Hyperbee from 'hyperbee'
import type { Batch, Entry, Fetching, Range } from 'hyperbee'
import type Hypercore from 'hypercore'
import { BushelError } from '../../../contracts/errors/error.js'
import { guardAllTrees, guardTree } from '../../base/guarded-tree.js'

// The only file that names the database of the view; the rest of the book knows it by these types.

/** Binary keys and values, in the order of the keys. */
export type ViewDatabase = Hyperbee

export type ViewBatch = Batch<Buffer, Buffer>

/** How blocks that are not here are fetched: `timeout` in ms (rejects with REQUEST_TIMEOUT), `wait: false` not at all. */
export type ViewFetching = Fetching

// The log keeps a tree of its own, which the founder signs as well.
guardAllTrees(Hyperbee)

/** Opens the view in a core, which the founder signs: reads of a malformed tree reject with FORGED. */
export function openView(core: Hypercore): ViewDatabase {
  return new Hyperbee(guardTree(core, malformed), {
    extension: false,
    keyEncoding: 'binary',
    valueEncoding: 'binary'
  })
}

/**
 * The row of a key, or null. `get` of Hyperbee 2.27.3 is not used: on its way down it takes a tree node that was written
 * together with the key for the row itself, and so finds some rows that were deleted. An iterator compares keys alone.
 */
export async function rowAt(
  view: ViewDatabase | ViewBatch,
  key: Buffer,
  fetching: ViewFetching = {}
): Promise<Entry<Buffer, Buffer> | null> {
  try {
    return await view.peek({ gte: key, lte: key }, fetching)
  } catch (error) {
    throw explained(error)
  }
}

/**
 * The rows of a range, in the order of their keys. Rejects with FORGED on the first that is out of order: a tree that names
 * its nodes more than once could yield rows without an end.
 */
export async function* rowsOf(
  view: ViewDatabase | ViewBatch,
  range: Range<Buffer>,
  fetching: ViewFetching = {}
): AsyncGenerator<Entry<Buffer, Buffer>> {
  let last: Buffer | null = null
  try {
    for await (const row of view.createReadStream(range, fetching)) {
      const order = last ? Buffer.compare(row.key, last) * (range.reverse ? -1 : 1) : 1
      if (order <= 0) throw malformed('its rows are not in order')
      last = row.key
      yield row
    }
  } catch (error) {
    throw explained(error)
  }
}

/** Of a block that is no row, or a pointer to no node, the library says no more than that it met an undefined value. */
function explained(error: unknown): unknown {
  const isMalformed =
    error instanceof TypeError ||
    error instanceof RangeError ||
    (error as Error & { code?: string }).code === 'DECODING_ERROR'
  return isMalformed ? malformed('it cannot be decoded').withCause(error) : error
}

function malformed(why: string): BushelError {
  return new BushelError('FORGED', `the view of this market is malformed: ${why}`, 'its founder wrote it so')
}
