import Autobase from 'autobase'
import { TamedBase } from './tamed-base.js'
import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import type { BookHead } from '#spec'
import type { ApplyHost, LogEntry } from '../view/apply.js'
import { openView } from '../view/database.js'
import type { ViewDatabase } from '../view/database.js'

// The only folder that names the log of many writers under a book; the rest of the book knows it by these names.

export type BookLog = TamedBase
export type { MalformedBlock } from './writer-blocks.js'

export interface BookLogOptions {
  /** A namespace of its own. */
  store: Corestore
  /** Null: a new log, with this node as its first writer. */
  key: Buffer | null
  /** Reduces the writers' blocks to the view. */
  apply: (
    entries: readonly LogEntry[],
    view: ViewDatabase,
    host: ApplyHost & { preferFastForward(): void }
  ) => Promise<void>
  /** The first writer signs the view one to two times this after a change, ms. */
  ackInterval: number
}

/** The log of a book, not yet ready: listen for `error`, `malformed`, `fast-forward` and `update` first. */
export function openBookLog({ store, key, apply, ackInterval }: BookLogOptions): BookLog {
  return new TamedBase(store, key, {
    open: view => openView(view.get('view')),
    apply,
    close: async view => await view.close(),
    ackInterval
  })
}

/** The core that this node writes to, in the store of a log. To be closed by the caller. */
export function localWriter(store: Corestore): Hypercore {
  return Autobase.getLocalCore(store)
}

/** Whether a log holds all that these heads do; false where there are none. */
export async function covers(log: BookLog, heads: BookHead[]): Promise<boolean> {
  if (heads.length === 0) return false
  for (const { key, length } of heads) {
    const known = await log.system?.get(key)
    if (!known || known.length < length) return false
  }
  return true
}
