import Hyperbee from 'hyperbee'
import type { Batch, Fetching } from 'hyperbee'
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
