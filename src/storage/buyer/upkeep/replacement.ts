import type { Lease, MirrorJob } from '#spec'
import { BushelError } from '../../../../contracts/errors/error.js'
import { HOUR } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import type { Logger } from '../../../base/logger.js'
import { LEASE } from '../../lease/lease-state.js'
import { endOf } from '../../lease/leases.js'
import { TIMEOUTS } from '../../lease/timeouts.js'
import { BuyerLease } from '../buyer-lease.js'
import { nameOfMirror } from '../mirror-names.js'
import { Placement } from '../placing/placement.js'
import type { PlacementContext } from '../placing/placement.js'
import { priceCeiling, sourcesOf } from './copies.js'
import type { Copies } from './copies.js'
import { loggedBy } from './logged.js'
import type { MirrorTask } from './mirror-upkeep.js'
import { OtherCopies } from './other-copies.js'

/** A copy is not replaced for less time than this before its end, ms. */
const LEAST_TIME = HOUR

/**
 * Replaces copies that fail, are gone or were given up, from the copies that are left. What is bought ends with the others.
 */
export class Replacement implements MirrorTask {
  readonly #context: PlacementContext
  readonly #log: Logger

  constructor(context: PlacementContext, log: Logger) {
    this.#context = context
    this.#log = log
  }

  isDue(_job: MirrorJob, copies: Copies): boolean {
    if (copies.missing === 0 && copies.living.every(({ state }) => state === LEASE.STORED)) return false
    return this.#timeLeft(copies) >= LEAST_TIME && sourcesOf(copies, this.#context.leases).length > 0
  }

  async run(job: MirrorJob, copies: Copies, signal: AbortSignal): Promise<void> {
    const { deals, leases, now, timeouts = TIMEOUTS } = this.#context
    const name = nameOfMirror(job)
    const goods = new OtherCopies(deals, sourcesOf(copies, leases), now, timeouts.answer)
    const plan = {
      ...job,
      time: Math.floor(this.#timeLeft(copies)),
      maxPrice: priceCeiling(copies, job.maxPrice)
    }
    const unstored = copies.living.filter(({ state }) => state !== LEASE.STORED)
    const begun = await this.#begun(unstored)
    const how = {
      begun,
      missing: copies.missing + unstored.length - begun.length,
      avoided: copies.all.map(({ terms }) => terms.provider.identity!)
    }
    const placement = new Placement(this.#context, plan, loggedBy(this.#log, name))
    const kept = await placement.more(job, goods, how, signal)
    for (const copy of kept) this.#log.info(`'${name}' has a new copy at ${copy.name}, made from the others`)
    if (kept.length < how.missing + begun.length)
      throw new BushelError('NO_OFFER', 'a lost copy is not replaced yet: no offer fits')
    await this.#dismiss(copies.failed)
  }

  /** ms until the last of the copies that are left ends. */
  #timeLeft({ living }: Copies): number {
    const ends = living.filter(({ state }) => state === LEASE.STORED).map(endOf)
    return Math.max(0, ...ends) - this.#context.now()
  }

  /** Copies that a stop interrupted, but for those that nobody has countersigned. */
  async #begun(unstored: readonly Lease[]): Promise<BuyerLease[]> {
    const begun: BuyerLease[] = []
    for (const { state, terms } of unstored) {
      const copy = new BuyerLease(this.#context, agreementId(terms))
      if (state === LEASE.AGREED)
        await copy.giveUp('the node stopped before the agreement was signed', { ask: false })
      else begun.push(copy)
    }
    return begun
  }

  /** Gives up the leases that were replaced; what was paid and not served is asked back. */
  async #dismiss(failed: readonly Lease[]): Promise<void> {
    for (const { state, terms } of failed)
      if (state === LEASE.STORED)
        await new BuyerLease(this.#context, agreementId(terms)).giveUp('another provider keeps this copy now')
  }
}
