import ReadyResource from 'ready-resource'
import type { MirrorJob } from '#spec'
import { DAY, HOUR, formatTime } from '../../../../contracts/money/quantity.js'
import type { Logger } from '../../../base/logger.js'
import { Poller } from '../../../base/poller.js'
import type { Store } from '../../../store/store.js'
import { healthOf } from '../../lease/challenge.js'
import { LEASE } from '../../lease/lease-state.js'
import { isLostEarly } from '../../lease/leases.js'
import type { Leases } from '../../lease/leases.js'
import { mirrorsOf, nameOfMirror } from '../mirror-names.js'
import { MIRROR } from '../mirror-state.js'

/** Days before an end at which the owner is told, the nearest first. */
const TOLD_DAYS = [1, 7, 30]

/** What the owner should know of a mirror. */
export interface Notice {
  /** Equal for what is told once. */
  id: string
  text: string
}

/**
 * Mirrors that end within 30 days, and those of which a copy fails its audits or is gone. One that was bought for less time
 * than 30 days is told of within 7 days or 1. Only leases that are stored are looked at, however many are over.
 */
export function noticesOf(store: Store, leases: Leases, now: number): Notice[] {
  const ends = new Map<string, { end: number; within: number }>()
  for (const { id, lease } of leases.at('buyer', LEASE.STORED)) {
    const end = lease.start + lease.terms.time
    const within = withinDays(end - now, lease.terms.time)
    if (within !== null) ends.set(id.toString('hex'), { end, within })
  }
  const failing = new Set<string>()
  for (const { id, audit } of leases.audits()) {
    const lease = leases.get('buyer', id)
    const health = lease && healthOf(lease, audit)
    if (health === 'failing' || health === 'gone') failing.add(id.toString('hex'))
  }
  return mirrorsOf(store, leases).flatMap(job => [
    ...ending(job, ends, now),
    ...lost(job, leases, failing, now)
  ])
}

function ending(
  job: MirrorJob,
  ends: ReadonlyMap<string, { end: number; within: number }>,
  now: number
): Notice[] {
  const [first] = idsOf(job)
    .flatMap(id => ends.get(id) ?? [])
    .sort((a, b) => a.end - b.end)
  if (!first) return []
  const text = `'${nameOfMirror(job)}' ends in ${formatTime(first.end - now)}; to keep it, buy it anew before: bushel mirror ${quoted(job.path)}`
  return [{ id: `${job.store} ends within ${first.within}`, text }]
}

function lost(job: MirrorJob, leases: Leases, failing: ReadonlySet<string>, now: number): Notice[] {
  // Past mirrors are passed over before their leases are read.
  if (job.state !== MIRROR.KEPT || (job.created ?? 0) + job.time < now) return []
  const copies = job.agreements.filter(id => {
    const lease = leases.get('buyer', id!)
    return failing.has(id!.toString('hex')) || (lease !== null && isLostEarly(lease, now))
  }).length
  if (copies === 0) return []
  const name = nameOfMirror(job)
  const text = `${copies} of the ${job.copies} copies of '${name}' fail or are gone, and are not paid on; see: bushel mirrors show ${quoted(name)}`
  return [{ id: `${job.store} fails ${copies}`, text }]
}

/** As a shell reads it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function idsOf({ agreements }: MirrorJob): string[] {
  return agreements.map(id => id!.toString('hex'))
}

/** The notice that is due with so much time left, ms, of so much that was bought; null: none. */
function withinDays(left: number, time: number): number | null {
  if (left <= 0) return null
  return TOLD_DAYS.find(days => left <= days * DAY && days * DAY < time) ?? null
}

export interface MirrorNoticesOptions {
  store: Store
  leases: Leases
  log: Logger
  /** ms since 1970. */
  now: () => number
}

/** Logs each notice once when the node starts, and once when there is a new one. */
export class MirrorNotices extends ReadyResource {
  readonly #options: MirrorNoticesOptions
  readonly #poller: Poller
  #told = new Set<string>()

  constructor(options: MirrorNoticesOptions) {
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
    const { store, leases, log, now } = this.#options
    const notices = noticesOf(store, leases, now())
    for (const { id, text } of notices) if (!this.#told.has(id)) log.warn(text)
    this.#told = new Set(notices.map(({ id }) => id))
  }
}
