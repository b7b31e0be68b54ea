import { Mutex } from '../../base/mutex.js'

/** Bytes after which, and ms after which, what has been read is written to disk: what a SIGKILL can lose of the count. */
const EGRESS_FLUSH_BYTES = 4 << 20
const EGRESS_FLUSH_INTERVAL = 2000

/** Of those that name a core, the one that is charged what is read of it: the one with the most left. */
export function payerOf<H extends { readonly egressLeft: number }>(holders: readonly H[]): H | null {
  let payer: H | null = null
  for (const holder of holders) if (!payer || holder.egressLeft > payer.egressLeft) payer = holder
  return payer
}

/**
 * Gathers the holders whose count has changed, and writes them now and then. A count may end above its limit by the
 * blocks that were on their way.
 */
export class EgressJournal<H> {
  readonly #write: (holder: H) => Promise<void>
  readonly #onerror: (error: unknown) => void
  readonly #changed = new Map<H, number>()
  #timer: NodeJS.Timeout | null = null
  readonly #mutex = new Mutex()

  /** `write` must leave the holder's count on disk; errors that nobody awaits go to `onerror`. */
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
