import { TokenBucket } from '../base/token-bucket.js'
import type { Rate } from '../base/token-bucket.js'

/** Walks of more pages than this use the shared budget; smaller ones are always allowed. */
const LARGE_WALK = 8
/** Pages, as long as 0.6 s at once, and a tenth of the time. */
const LARGE_WALKS: Rate = { burst: 1200, perSecond: 200 }

/** One connection's share of the budget. */
export interface PageHolder {
  /** Upper bound of the held pages; `recount` takes freed ones into account. */
  readonly pages: number
  recount(): void
  /** Ends the connection, which frees its pages. */
  end(error: Error): void
}

/**
 * Limits the memory for peers' announcements, in pages of 8 KiB, over all connections. When it is full the connection
 * that holds most of it ends, so that many small announcers outlast a large one. The time to walk many pages for one
 * message is limited too.
 */
export class PageBudget {
  readonly #total: number
  readonly #holders = new Set<PageHolder>()

  readonly #walks: TokenBucket

  constructor(total: number, walks = LARGE_WALKS) {
    this.#total = total
    this.#walks = new TokenBucket(walks)
  }

  /** Spends the time of a walk of `pages`; false when the shared budget is used up. */
  walk(pages: number): boolean {
    return pages <= LARGE_WALK || this.#walks.spend(pages)
  }

  /** Pages held by all connections. */
  get held(): number {
    let sum = 0
    for (const holder of this.#holders) sum += holder.pages
    return sum
  }

  add(holder: PageHolder): void {
    this.#holders.add(holder)
  }

  remove(holder: PageHolder): void {
    this.#holders.delete(holder)
  }

  /** Makes room for `more` pages of a connection; false when that connection would hold the most. */
  reserve(holder: PageHolder, more: number): boolean {
    if (this.held + more <= this.#total) return true
    for (const each of this.#holders) each.recount()
    while (this.held + more > this.#total) {
      const largest = this.#largest()
      if (!largest || largest === holder || largest.pages <= holder.pages + more) return false
      this.remove(largest)
      largest.end(new Error('refused: its announcements take the most memory of all connections'))
    }
    return true
  }

  #largest(): PageHolder | null {
    let largest: PageHolder | null = null
    for (const holder of this.#holders) if (!largest || holder.pages > largest.pages) largest = holder
    return largest
  }
}
