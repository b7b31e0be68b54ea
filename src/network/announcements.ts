import { PAGE, Refusal, SEGMENT, SEGMENT_PAGES } from './hypercore-bounds.js'
import { peerOf } from './hypercore-wire.js'
import type { Channel } from 'protomux'
import type { PageBudget, PageHolder } from './page-budget.js'
import { BOUNDS } from '../base/bounds/bounds.js'
import { TokenBucket } from '../base/token-bucket.js'

/** Pages of 8 KiB that one peer may make this node hold in all its channels: 2^24 blocks, their indexes, and requests. */
export const PAGES_PER_CONNECTION = BOUNDS.announced.peer
/** Requests that wait or are worked on that take the memory of a page. */
const REQUESTS_PER_PAGE = 16

/**
 * Pages that one peer may make this node walk; one takes about 0.5 ms. A new connection begins with little, or whoever
 * connects again and again would begin with much.
 */
const WALKED = { start: 192, burst: 600, perSecond: 100 }

/** What one peer announced of one core, and how many of its requests are at work. */
export class Announced {
  readonly #pages = new Set<number>()
  readonly #segments = new Set<number>()
  channel: Channel | null = null
  /** Requests whose answer is not made yet. */
  working = 0

  get size(): number {
    return this.#pages.size
  }

  get pages(): number {
    return this.#pages.size + SEGMENT_PAGES * this.#segments.size + this.#requests / REQUESTS_PER_PAGE
  }

  /** Cancelled requests stay in hypercore's queues until the last one has been answered. */
  get #requests(): number {
    if (!this.channel || this.channel.closed) return this.working
    const { queue, priority } = peerOf(this.channel).receiverQueue
    return this.working + queue.length + priority.length
  }

  /** Pages by which it grows when the blocks from `start` up to `end` are announced; they are at most `most` pages. */
  growth(start: number, end: number): number {
    let more = 0
    for (const page of range(start, end, PAGE)) if (!this.#pages.has(page)) more++
    for (const segment of range(start, end, SEGMENT)) if (!this.#segments.has(segment)) more += SEGMENT_PAGES
    return more
  }

  add(start: number, end: number): void {
    for (const page of range(start, end, PAGE)) this.#pages.add(page)
    for (const segment of range(start, end, SEGMENT)) this.#segments.add(segment)
  }
}

function* range(start: number, end: number, unit: number): Generator<number> {
  for (let i = Math.floor(start / unit); i * unit < end; i++) yield i
}

/** What one connection makes this node hold and walk; ends the connection when it is too much. */
export class Announcements implements PageHolder {
  readonly #budget: PageBudget
  readonly #end: (error: Error) => void
  readonly #cores = new Set<Announced>()
  readonly #walked = new TokenBucket(WALKED)
  #pages = 0

  constructor(budget: PageBudget, end: (error: Error) => void) {
    this.#budget = budget
    this.#end = end
    budget.add(this)
  }

  get pages(): number {
    return this.#pages
  }

  recount(): void {
    this.#pages = 0
    for (const core of this.#cores) this.#pages += core.pages
  }

  end(error: Error): void {
    this.#end(error)
  }

  open(): Announced {
    const core = new Announced()
    this.#cores.add(core)
    return core
  }

  close(core: Announced): void {
    this.#cores.delete(core)
    this.recount()
  }

  destroy(): void {
    this.#budget.remove(this)
  }

  /** The blocks from `start` up to `end` are about to be announced: hypercore allocates their pages. */
  announce(core: Announced, start: number, end: number): void {
    if ((end - start) / PAGE > PAGES_PER_CONNECTION) throw new Refusal('it announces too many blocks at once')
    const more = core.growth(start, end)
    if (more === 0) return
    this.hold(more)
    core.add(start, end)
    this.walk(more / 4)
  }

  hold(more: number): void {
    if (this.#pages + more > PAGES_PER_CONNECTION) this.recount()
    if (this.#pages + more > PAGES_PER_CONNECTION) throw new Refusal('its announcements take too much memory')
    if (!this.#budget.reserve(this, more))
      throw new Refusal('its announcements would take the most memory of all connections')
    this.#pages += more
  }

  /** One more request is at work. */
  work(core: Announced): void {
    this.hold(1 / REQUESTS_PER_PAGE)
    core.working++
  }

  /** As long as it takes to walk so many pages of bits is spent on this peer. */
  walk(pages: number): void {
    if (!this.#walked.spend(pages)) throw new Refusal('it announces too much, too often')
    if (!this.#budget.walk(pages)) throw new Refusal('all connections announce too much, too often')
  }
}
