import type { Lease, MirrorJob } from '#spec'
import { BushelError, isOurs } from '../../../../contracts/errors/error.js'
import { DAY } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import type { Logger } from '../../../base/logger.js'
import { LEASE } from '../../lease/lease-state.js'
import { endOf } from '../../lease/leases.js'
import type { BuyerLease } from '../buyer-lease.js'
import { nameOfMirror } from '../mirror-names.js'
import type { Mirrors } from '../mirrors.js'
import type { PlacementListener } from '../placing/placement.js'
import { aheadIn } from '../placing/ahead.js'
import { copiesOf, priceCeiling } from './copies.js'
import type { Copies } from './copies.js'
import { loggedBy } from './logged.js'
import type { MirrorTask } from './mirror-upkeep.js'
import { Renewal } from './renewal.js'

/** A mirror is extended by itself so long before its end, ms: a quarter of its time, at most this. */
const BEFORE_END = 14 * DAY

/** Why one copy is not extended, while the others may be. */
const OF_ONE: ReadonlySet<string> = new Set(['OVER_LIMIT', 'NO_BALANCE', 'IN_PROGRESS'])

/** When a copy is extended by itself, ms since 1970. */
export function renewAt(lease: Lease): number {
  return Math.floor(endOf(lease) - Math.min(BEFORE_END, lease.terms.time / 4))
}

/** How the extension of one copy went. */
export interface Extended {
  before: Lease
  /** Null when it failed. */
  next: BuyerLease | null
  error?: BushelError
}

/** Extends the copies of mirrors, when their owner says so, or before they end. */
export class Extending implements MirrorTask {
  readonly #mirrors: Mirrors
  readonly #log: Logger

  constructor(mirrors: Mirrors, log: Logger) {
    this.#mirrors = mirrors
    this.#log = log
  }

  /** Where an extension was begun and stopped, or is due and wanted. */
  isDue(job: MirrorJob, copies: Copies): boolean {
    return this.#due(job, copies).length > 0
  }

  run({ store: id }: MirrorJob, _copies: Copies, signal: AbortSignal): Promise<void> {
    return this.#mirrors.inTurn(id, () => this.#renew(id, signal))
  }

  /** In the mirror's turn, where its owner may have changed it. */
  async #renew(id: string, signal: AbortSignal): Promise<void> {
    const { leases, now } = this.#mirrors.placing
    const job = this.#mirrors.get(id)!
    const copies = copiesOf(job, leases, now())
    const due = this.#due(job, copies)
    if (due.length === 0) return
    const time = Math.max(...due.map(({ terms }) => terms.time))
    const how = { time, maxPrice: priceCeiling(job, copies, job.renewMaxPrice) }
    const name = nameOfMirror(job)
    const all = await this.extend(job, due, how, loggedBy(this.#log, name), signal)
    const failed = all.find(({ error }) => error)
    if (failed) throw failed.error!
    this.#log.warn(`'${name}' is extended`)
  }

  /**
   * Extends copies, one after the other, so that what is paid for one counts for the next. Call it in the mirror's turn. Rejects
   * for a fault of our own; what becomes of the copies is in the result.
   */
  async extend(
    job: MirrorJob,
    copies: readonly Lease[],
    { time, maxPrice }: { time: number; maxPrice: bigint | null },
    listener: PlacementListener,
    signal: AbortSignal
  ): Promise<Extended[]> {
    const { leases } = this.#mirrors.placing
    const renewal = new Renewal(this.#mirrors.placing, listener, id => this.#mirrors.addLease(job.store, id))
    const how = { market: job.market, time, maxPrice, ahead: aheadIn(job) }
    const isSealed = ({ terms }: Lease): boolean =>
      leases.successorOf('buyer', agreementId(terms))?.state === LEASE.NEXT
    const all: Extended[] = []
    for (const before of copies) {
      const wasSealed = isSealed(before)
      try {
        const next = await renewal.extend(job, before, how, signal)
        all.push({ before, next })
        if (!wasSealed) await this.#mirrors.lengthen(job.store, next.lease)
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof BushelError) || (isOurs(error) && !OF_ONE.has(error.code))) throw error
        all.push({ before, next: null, error })
      }
    }
    return all
  }

  /** A copy that fails is not extended, nor are more than are wanted. */
  #due({ renew, copies }: MirrorJob, { living }: Copies): Lease[] {
    const { leases, now } = this.#mirrors.placing
    const stored = living.filter(({ state }) => state === LEASE.STORED)
    return stored.slice(0, copies).filter(lease => {
      const next = leases.successorOf('buyer', agreementId(lease.terms))
      if (next) return next.state === LEASE.BOUND || next.state === LEASE.ACTIVE
      return renew === 1 && renewAt(lease) <= now() && now() < endOf(lease)
    })
  }
}
