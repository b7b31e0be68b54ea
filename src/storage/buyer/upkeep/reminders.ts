import ReadyResource from 'ready-resource'
import type { Lease, MirrorJob } from '#spec'
import { DAY, HOUR, formatTime } from '../../../../contracts/money/quantity.js'
import type { Logger } from '../../../base/logger.js'
import { Poller } from '../../../base/poller.js'
import type { Store } from '../../../store/store.js'
import { agreementId } from '../../../../contracts/terms.js'
import { egressLeftOf } from '../../lease/egress.js'
import { LEASE } from '../../lease/lease-state.js'
import { endOf } from '../../lease/leases.js'
import type { Leases } from '../../lease/leases.js'
import { isLongOver, mirrorsOf, nameOfMirror } from '../mirror-names.js'
import { MIRROR } from '../mirror-state.js'
import { leftBy, leftText } from '../../takeover/leaving.js'
import { copiesOf } from './copies.js'
import type { Copies } from './copies.js'

/** Days before an end at which the owner is told, the nearest first. */
const TOLD_DAYS = [1, 7, 30]
/** Of what readers may fetch, the part after which the owner is told. */
const MOST_READ = 0.8

/** What the owner should know of a mirror. */
export interface Reminder {
  /** Equal for what is told once. */
  id: string
  text: string
}

/**
 * Mirrors that end within 30 days, those of which a copy fails its audits or is gone, and those of which readers have fetched
 * most of what they may. One that was bought for less time
 * than 30 days is told of within 7 days or 1.
 */
export function remindersOf(store: Store, leases: Leases, now: number): Reminder[] {
  const left = leftBy(store)
  if (left) return [{ id: 'left', text: leftText(left) }]
  return mirrorsOf(store, leases)
    .filter(job => !isLongOver(job, now))
    .flatMap(job => {
      const copies = copiesOf(job, leases, now)
      return [...ending(job, leases, copies.all, now), ...lost(job, copies), ...read(job, leases, copies)]
    })
}

/** Of the copy that ends first of those of which the owner is to be told. */
function ending(job: MirrorJob, leases: Leases, copies: readonly Lease[], now: number): Reminder[] {
  const [first] = copies
    .filter(lease => lease.state === LEASE.STORED && isLast(lease, leases) && withinDays(lease, now) !== null)
    .sort((a, b) => endOf(a) - endOf(b))
  if (!first) return []
  const name = nameOfMirror(job)
  const next = job.renew
    ? 'this node extends it as long as it is up'
    : `to keep it: bushel mirrors extend ${quoted(name)} --time 30d`
  const text = `'${name}' ends in ${formatTime(endOf(first) - now)}; ${next}`
  return [{ id: `${job.store} ends within ${withinDays(first, now)}`, text }]
}

function lost(job: MirrorJob, { living, failed, missing }: Copies): Reminder[] {
  const canReplace = living.some(({ state }) => state === LEASE.STORED)
  const lacking = Math.min(failed.length, missing)
  if (job.state !== MIRROR.KEPT || lacking === 0) return []
  const name = nameOfMirror(job)
  const what = `${lacking} of the ${job.copies} copies of '${name}' fail or are gone, and are not paid on`
  const next = canReplace
    ? `a node that is up replaces them from the others; see: bushel mirrors show ${quoted(name)}`
    : `no copy is left from which they could be replaced; if you have the files: bushel mirror ${quoted(job.path)}`
  return [{ id: `${job.store} fails ${lacking} ${canReplace}`, text: `${what}; ${next}` }]
}

/** Of the copies of which readers have fetched most of what they may, or all of it. */
function read(job: MirrorJob, leases: Leases, { living }: Copies): Reminder[] {
  const copies = living
    .filter(({ state }) => state === LEASE.STORED)
    .map(lease => ({ lease, used: leases.egressOf(agreementId(lease.terms)) }))
  const readOf = (part: number): typeof copies =>
    copies.filter(({ lease, used }) => used.readers > 0 && used.readers >= part * lease.terms.egressBytes)
  const [most, all] = [readOf(MOST_READ), readOf(1)]
  if (most.length === 0) return []
  const [told, how] =
    all.length > 0
      ? [all, 'all that they may, and get nothing more']
      : [most, `${MOST_READ * 100} % of what they may, and get nothing more after the rest`]
  const name = nameOfMirror(job)
  const what = `of ${told.length} of the ${copies.length} copies of '${name}' readers have fetched ${how}`
  const canRestore = copies.some(({ lease: { terms }, used }) => {
    const left = egressLeftOf(terms, used)
    return left.owner + left.readers > 0
  })
  const own = canRestore ? 'this device can still restore it' : 'this device has used up its own part too'
  const next = told.every(({ lease }) => !isLast(lease, leases))
    ? 'readers can again when its next lease begins'
    : `readers can again in a lease that follows: bushel mirrors extend ${quoted(name)} --time 30d`
  const id = `${job.store} read ${all.length > 0 ? 'all' : 'most'} of ${told.length}`
  return [{ id, text: `${what}; ${own}; ${next}` }]
}

function isLast({ terms }: Lease, leases: Leases): boolean {
  return leases.successorOf('buyer', agreementId(terms))?.state !== LEASE.NEXT
}

/** As a shell reads it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** The reminder that is due for the end of a lease; null: none. */
function withinDays(lease: Lease, now: number): number | null {
  const left = endOf(lease) - now
  if (left <= 0) return null
  return TOLD_DAYS.find(days => left <= days * DAY && days * DAY < lease.terms.time) ?? null
}

export interface MirrorRemindersOptions {
  store: Store
  leases: Leases
  log: Logger
  /** ms since 1970. */
  now: () => number
}

/** Logs each reminder once when the node starts, and once when there is a new one. */
export class MirrorReminders extends ReadyResource {
  readonly #options: MirrorRemindersOptions
  readonly #poller: Poller
  #told = new Set<string>()

  constructor(options: MirrorRemindersOptions) {
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
    const reminders = remindersOf(store, leases, now())
    for (const { id, text } of reminders) if (!this.#told.has(id)) log.warn(text)
    this.#told = new Set(reminders.map(({ id }) => id))
  }
}
