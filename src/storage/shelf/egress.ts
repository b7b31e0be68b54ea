import { Mutex } from '../../base/mutex.js'

/** Bytes after which, and ms after which, what has been read is written to disk: what a SIGKILL can lose of the count. */
export const EGRESS_FLUSH_BYTES = 4 << 20
export const EGRESS_FLUSH_INTERVAL = 2000

interface Counted {
  egressBytes: number
  egressUsed: number
}

/** Bytes that a lease still lets be read. */
export function egressLeft(lease: Counted): number {
  return Math.max(0, lease.egressBytes - lease.egressUsed)
}

/**
 * Charges bytes that were read to the lease with the most left, among those that name the core. Returns it; it may end
 * above its limit by the blocks that were on their way.
 */
export function charge<L extends Counted>(leases: readonly L[], bytes: number): L | null {
  let payer: L | null = null
  for (const lease of leases) {
    if (!payer || egressLeft(lease) > egressLeft(payer)) payer = lease
  }
  if (payer) payer.egressUsed += bytes
  return payer
}

/** Gathers the leases whose count has changed, and writes them now and then. */
export class EgressJournal<L extends Counted> {
  readonly #write: (lease: L) => Promise<void>
  readonly #onerror: (error: unknown) => void
  readonly #changed = new Map<L, number>()
  #timer: NodeJS.Timeout | null = null
  readonly #mutex = new Mutex()

  /** `write` must leave the lease's count on disk; errors that nobody awaits go to `onerror`. */
  constructor(write: (lease: L) => Promise<void>, onerror: (error: unknown) => void) {
    this.#write = write
    this.#onerror = onerror
  }

  note(lease: L, bytes: number): void {
    const unwritten = (this.#changed.get(lease) ?? 0) + bytes
    this.#changed.set(lease, unwritten)
    if (unwritten >= EGRESS_FLUSH_BYTES) this.#soon(0)
    else this.#soon(EGRESS_FLUSH_INTERVAL)
  }

  forget(lease: L): void {
    this.#changed.delete(lease)
  }

  /** Resolves when every count so far is on disk. */
  flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const leases = [...this.#changed.keys()]
    this.#changed.clear()
    return this.#mutex.run(async () => {
      for (const lease of leases) await this.#write(lease)
    })
  }

  #soon(delay: number): void {
    if (this.#timer && delay > 0) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.flush().catch(this.#onerror), delay)
    this.#timer.unref()
  }
}
