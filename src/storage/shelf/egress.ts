import { Mutex } from '../../base/mutex.js'

/** Bytes and ms after which the count is written to disk; a SIGKILL can lose as much of it. */
const EGRESS_FLUSH_BYTES = 4 << 20
const EGRESS_FLUSH_INTERVAL = 2000

/**
 * Collects the holders whose count has changed and saves them at intervals. A count may exceed its limit by the blocks
 * that were being sent.
 */
export class EgressJournal<H> {
  readonly #write: (holder: H) => Promise<void>
  readonly #onerror: (error: unknown) => void
  readonly #changed = new Map<H, number>()
  #timer: NodeJS.Timeout | null = null
  readonly #mutex = new Mutex()

  /** `write` must put the holder's count on disk; errors without a caller go to `onerror`. */
  constructor(write: (holder: H) => Promise<void>, onerror: (error: unknown) => void) {
    this.#write = write
    this.#onerror = onerror
  }

  note(holder: H, bytes: number): void {
    const unwritten = (this.#changed.get(holder) ?? 0) + bytes
    this.#changed.set(holder, unwritten)
    if (unwritten >= EGRESS_FLUSH_BYTES) this.#soon(0)
    else this.#soon(EGRESS_FLUSH_INTERVAL)
  }

  forget(holder: H): void {
    this.#changed.delete(holder)
  }

  /** Resolves when every count so far is on disk. */
  flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const holders = [...this.#changed.keys()]
    this.#changed.clear()
    return this.#mutex.run(async () => {
      for (const holder of holders) await this.#write(holder)
    })
  }

  #soon(delay: number): void {
    if (this.#timer && delay > 0) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.flush().catch(this.#onerror), delay)
    this.#timer.unref()
  }
}
