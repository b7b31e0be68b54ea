import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { FETCH_TIMEOUT } from './listing.js'

/** The part of a log that is read here. It emits `update` once its view has changed. */
export type HashedLog = EventEmitter & {
  readonly view: { readonly core: { session(options: { timeout: number }): HashedCore } }
}

interface HashedCore {
  treeHash(): Promise<Buffer>
  close(): Promise<void>
}

/**
 * The Merkle tree hash of a log's view. While the log reorders the view, its last blocks are missing for a moment; Hypercore
 * would ask peers for them, and none has them before the market's next tick. So the hash is begun anew at each update.
 */
export async function hashOfView(log: HashedLog): Promise<Buffer> {
  for (;;) {
    const over = new AbortController()
    const changed = once(log, 'update', { signal: over.signal }).then(() => null)
    changed.catch(() => undefined)
    const core = log.view.core.session({ timeout: FETCH_TIMEOUT })
    const hashed = core.treeHash()
    hashed.catch(() => undefined)
    const late = setTimeout(() => over.abort(), FETCH_TIMEOUT)
    try {
      const hash = await Promise.race([hashed, changed])
      if (hash) return hash
    } catch (error) {
      if ((error as { code?: string }).code !== 'INVALID_OPERATION') throw error
      // A node of the tree is missing for the same reason.
      await changed.catch(() => Promise.reject(error as Error))
    } finally {
      clearTimeout(late)
      over.abort()
      await core.close()
    }
  }
}
