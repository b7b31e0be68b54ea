import Autobase from 'autobase'
import messages from 'autobase/lib/messages.js'
import SystemView from 'autobase/lib/system.js'
import { readFrom } from './reading.js'
import type { ReadLog } from './reading.js'
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

export type CoveringLog = ReadLog & {
  readonly system: { get(key: Buffer): Promise<{ length: number } | null> } | null
}

/** Whether a log holds all that these heads do; false where there are none. */
export async function covers(log: CoveringLog, heads: BookHead[]): Promise<boolean> {
  if (heads.length === 0) return false
  return await readFrom(log, async () => {
    for (const { key, length } of heads) {
      const known = await log.system?.get(key)
      if (!known || known.length < length) return false
    }
    return true
  })
}

/** Blocks after those in the view that are looked at for references; the first with any refers to the oldest. */
const REFERRING = 32

/** What of a writer's blocks is in the view: those before `length`, of which the later ones still refer to `kept`. */
export interface Input {
  key: Buffer
  length: number
  kept: number[]
}

/** The inputs that are in the view at a signed length of the system's core, as far as that core is here. */
export async function inputsAt(store: Corestore, system: Hypercore, length: number): Promise<Input[]> {
  if (length === 0) return []
  const view = new SystemView(system.session({ wait: false }), { checkout: length })
  const inputs: Input[] = []
  try {
    await view.ready()
    for await (const { key, value } of view.list())
      inputs.push({ key, length: value.length, kept: await referredTo(store, key, value.length) })
  } catch (error) {
    if ((error as { code?: string }).code !== 'BLOCK_NOT_AVAILABLE') throw error
  } finally {
    await view.close()
  }
  return inputs
}

/** An indexer's block leaves out what has not changed since an earlier one, and refers to that. */
async function referredTo(store: Corestore, key: Buffer, from: number): Promise<number[]> {
  const core = store.get({ key, active: false })
  const kept: number[] = []
  try {
    await core.ready()
    for (let block = from; block < Math.min(core.length, from + REFERRING) && kept.length === 0; block++) {
      const buffer = await core.get(block, { wait: false })
      if (!buffer) continue
      const { digest, checkpoint } = messages.OplogMessage.decode({
        buffer,
        start: 0,
        end: buffer.byteLength
      })
      const checkpoints = [checkpoint?.system, checkpoint?.encryption, ...(checkpoint?.user ?? [])]
      for (const back of [digest?.pointer, ...checkpoints.map(each => each?.checkpointer)])
        if (back) kept.push(block - back)
    }
    return kept
  } finally {
    await core.close()
  }
}
