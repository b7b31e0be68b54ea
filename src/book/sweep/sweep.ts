import type Corestore from 'corestore'
import type Hypercore from 'hypercore'
import { liveBlocks } from './live-blocks.js'
import type { BlockSet } from './live-blocks.js'
import { inputsAt } from '../log/log.js'

/** Runs of fewer dead blocks stay: each that is cleared is told to all peers. */
const LEAST_RUN = 8

/** The part of a log that is swept. */
export interface SweptLog {
  readonly store: Corestore
  /** The core of the view. */
  readonly view: Hypercore
  /** The core that says who writes and how far it is in the view; null while the log is not ready. */
  readonly system: Hypercore | null
}

/** A state of the log that was signed. */
export interface SignedState {
  view: number
  system: number
}

export function signedStateOf({ view, system }: SweptLog): SignedState {
  return { view: view.signedLength, system: system?.signedLength ?? 0 }
}

/**
 * Clears what no state from `state` on needs any more: blocks of the view and of the system that their trees have left
 * behind, and the writers' blocks that are in the view. Who is still at an older state skips ahead. Only blocks go away,
 * never a node of a Merkle tree: whoever is at an old length can follow. Resolves to the number of blocks cleared.
 */
export async function sweep(log: SweptLog, state: SignedState, pace: () => Promise<void>): Promise<number> {
  const { store, view, system } = log
  if (!system) return 0
  let cleared = 0
  for (const [key, length] of [
    [view.key, state.view],
    [system.key, state.system]
  ] as const)
    cleared += await withCore(store, key, async core => {
      const read = (block: number): Promise<Buffer | null> => core.get(block, { wait: false })
      const live = await liveBlocks(Math.min(length, core.length), read)
      return live ? await clearRuns(core, live, pace) : 0
    })
  for (const { key, length, kept } of await inputsAt(store, system, state.system))
    cleared += await withCore(store, key, core =>
      clearRuns(core, { length: Math.min(length, core.length), has: block => kept.includes(block) }, pace)
    )
  return cleared
}

async function withCore<T>(store: Corestore, key: Buffer, work: (core: Hypercore) => Promise<T>): Promise<T> {
  const core = store.get({ key, active: false })
  try {
    await core.ready()
    return await work(core)
  } finally {
    await core.close()
  }
}

/**
 * Clears the runs of blocks that are here and not live. Each run begins at an even block and ends after an odd one, and all
 * of its blocks are here: Hypercore then leaves the Merkle tree alone, whose nodes it otherwise deletes up to what is needed
 * to prove the live block beside it.
 */
async function clearRuns(core: Hypercore, live: BlockSet, pace: () => Promise<void>): Promise<number> {
  const { bitfield } = core.core as { bitfield: { get(block: number): boolean } }
  const isDead = (block: number): boolean => !live.has(block) && bitfield.get(block)
  let cleared = 0
  let from = 0
  for (let block = 0; block <= live.length; block += 2) {
    if (block + 1 < live.length && isDead(block) && isDead(block + 1)) continue
    if (block - from >= LEAST_RUN) {
      await core.clear(from, block)
      cleared += block - from
      await pace()
    }
    from = block + 2
  }
  return cleared
}
