import type { CoreLimit } from '#spec'
import { fetchCore } from './fetch.js'
import type { Holder } from './holder.js'
import type { ShelvedCore } from './shelved-core.js'

export interface ShelfProgress {
  blocks: number
  bytes: number
  totalBlocks: number
  totalBytes: number
}

export interface FetchCall {
  signal?: AbortSignal
  onProgress?: (progress: ShelfProgress) => void
}

export interface FetchingOptions {
  coreOf: (holder: Holder, key: Buffer) => ShelvedCore
  /** Returns a check that is true while the disk is too full to go on. */
  fullness: () => Promise<() => Promise<boolean>>
  /** The holder with this id; rejects when it may not be fetched for. */
  begin: (id: string) => Promise<Holder>
  /** Called when all blocks have arrived. */
  fetched: (holder: Holder) => Promise<void>
  failed: (holder: Holder, error: unknown) => void
  /** Called when the disk becomes too full for a fetch, or has room again. */
  onwaiting: (holder: Holder, waits: boolean) => void
}

/** Running fetches, at most one per holder. */
export class Fetching {
  readonly #options: FetchingOptions
  readonly #running = new Map<string, { done: Promise<void>; stop: AbortController }>()

  constructor(options: FetchingOptions) {
    this.#options = options
  }

  /**
   * Fetches the blocks of a holder up to its limits from all connections of its cores. Resolves when all are verified and
   * on disk; rejects with a violation or the signal's reason. A second call joins the running fetch.
   */
  fetch(id: string, { signal, onProgress }: FetchCall): Promise<void> {
    const running = this.#running.get(id)
    if (running) return running.done
    const stop = new AbortController()
    const onabort = (): void => stop.abort(signal?.reason)
    if (signal?.aborted) onabort()
    signal?.addEventListener('abort', onabort)
    const done = this.#fetch(id, stop, onProgress).finally(() => {
      signal?.removeEventListener('abort', onabort)
      this.#running.delete(id)
    })
    this.#running.set(id, { done, stop })
    return done
  }

  /** Stops the fetch of a holder, if one is running; its caller gets the reason. */
  async stop(id: string, reason: Error): Promise<void> {
    const running = this.#running.get(id)
    running?.stop.abort(reason)
    await running?.done.catch(() => undefined) // its caller gets the error
  }

  async stopAll(reason: Error): Promise<void> {
    await Promise.all([...this.#running.keys()].map(id => this.stop(id, reason)))
  }

  async #fetch(
    id: string,
    stop: AbortController,
    onProgress: ((progress: ShelfProgress) => void) | undefined
  ): Promise<void> {
    const { begin, fetched, failed } = this.#options
    const holder = await begin(id)
    await this.#bring(holder, stop, onProgress)
    if (stop.signal.aborted) {
      failed(holder, stop.signal.reason)
      throw stop.signal.reason
    }
    await fetched(holder)
  }

  /** Resolves when all blocks have arrived, or `stop` is aborted. */
  async #bring(
    holder: Holder,
    stop: AbortController,
    onProgress: ((progress: ShelfProgress) => void) | undefined
  ): Promise<void> {
    const { coreOf, onwaiting } = this.#options
    const { id, cores } = holder
    const looksFull = await this.#options.fullness()
    const counts = cores.map(() => ({ blocks: 0, bytes: 0 }))
    const total = { blocks: sumOf(cores, 'length'), bytes: sumOf(cores, 'byteLength') }
    let waiting = false
    const isFull = async (): Promise<boolean> => {
      const full = await looksFull()
      if (full !== waiting) onwaiting(holder, full)
      return (waiting = full)
    }
    const fetchOne = (limit: CoreLimit, i: number): Promise<void> => {
      const shelved = coreOf(holder, limit.key)
      return shelved.use(core =>
        fetchCore(core, {
          limit,
          signal: stop.signal,
          isFull,
          isUploader: peer => shelved.isUploader(peer, id),
          onProgress: progress => {
            counts[i] = progress
            onProgress?.({
              blocks: counts.reduce((sum, count) => sum + count.blocks, 0),
              bytes: counts.reduce((sum, count) => sum + count.bytes, 0),
              totalBlocks: total.blocks,
              totalBytes: total.bytes
            })
          }
        })
      )
    }
    await Promise.all(cores.map((limit, i) => fetchOne(limit, i).catch(error => stop.abort(error))))
    if (waiting) onwaiting(holder, false) // a fetch that was stopped waits no more
  }
}

function sumOf(cores: readonly CoreLimit[], what: 'length' | 'byteLength'): number {
  return cores.reduce((sum, core) => sum + core[what], 0)
}
