import ReadyResource from 'ready-resource'
import { DAY, HOUR, formatTime } from '../../../contracts/money/quantity.js'
import type { Logger } from '../../base/logger.js'
import { Poller } from '../../base/poller.js'
import type { Store } from '../../store/store.js'
import { LEASE } from '../lease/lease-state.js'
import type { Leases } from '../lease/leases.js'
import { mirrorsOf, nameOfMirror } from './mirror-names.js'

/** Days before an end at which the owner is told, the nearest first. */
const TOLD_DAYS = [1, 7, 30]

/** A mirror whose first copy ends soon. */
export interface Ending {
  /** Id of the mirror. */
  id: string
  name: string
  path: string
  /** ms since 1970. */
  ends: number
  /** It ends within so many days: 30, 7 or 1. */
  within: number
}

/**
 * Mirrors that end within 30 days, the newest first. One that was bought for less time than that is told of within 7 days
 * or 1. Only leases that are stored are looked at, however many are over.
 */
export function endingsOf(store: Store, leases: Leases, now: number): Ending[] {
  const ends = new Map<string, Pick<Ending, 'ends' | 'within'>>()
  for (const { id, lease } of leases.at('buyer', LEASE.STORED)) {
    const end = lease.start + lease.terms.time
    const within = withinDays(end - now, lease.terms.time)
    if (within !== null) ends.set(id.toString('hex'), { ends: end, within })
  }
  if (ends.size === 0) return []
  return mirrorsOf(store).flatMap(job => {
    const first = job.agreements
      .flatMap(id => ends.get(id!.toString('hex')) ?? [])
      .sort((a, b) => a.ends - b.ends)[0]
    return first ? [{ id: job.store, name: nameOfMirror(job), path: job.path, ...first }] : []
  })
}

/** What the owner is told of a mirror that ends, and what can be done. */
export function endingText({ name, path, ends }: Ending, now: number): string {
  return `'${name}' ends in ${formatTime(Math.max(0, ends - now))}; to keep it, buy it anew before: bushel mirror '${path}'`
}

export interface EndingNoticesOptions {
  store: Store
  leases: Leases
  log: Logger
  /** ms since 1970. */
  now: () => number
}

/** Tells the log of each mirror that ends soon: once when the node starts, and once each time that an end comes nearer. */
export class EndingNotices extends ReadyResource {
  readonly #options: EndingNoticesOptions
  readonly #told = new Map<string, number>()
  readonly #poller: Poller

  constructor(options: EndingNoticesOptions) {
    super()
    this.#options = options
    this.#poller = new Poller({
      look: () => this.look(),
      interval: HOUR,
      onerror: error => options.log.fault(error)
    })
  }

  protected override async _open(): Promise<void> {
    await this.#poller.start()
  }

  protected override async _close(): Promise<void> {
    await this.#poller.close()
  }

  look(): void {
    const { store, leases, log } = this.#options
    const now = this.#options.now()
    for (const ending of endingsOf(store, leases, now)) {
      if (this.#told.get(ending.id) === ending.within) continue
      this.#told.set(ending.id, ending.within)
      log.warn(endingText(ending, now))
    }
  }
}

/** The notice that is due with so much time left, ms, of so much that was bought; null: none. */
function withinDays(left: number, time: number): number | null {
  if (left <= 0) return null
  return TOLD_DAYS.find(days => left <= days * DAY && days * DAY < time) ?? null
}
