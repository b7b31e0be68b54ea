import type { Lease, MirrorJob } from '#spec'
import { BushelError, isOurs } from '../../../../contracts/errors/error.js'
import { DAY, HOUR, MINUTE } from '../../../../contracts/money/quantity.js'
import { agreementId } from '../../../../contracts/terms.js'
import type { Logger } from '../../../base/logger.js'
import { LEASE } from '../../lease/lease-state.js'
import { TIMEOUTS } from '../../lease/timeouts.js'
import { BuyerLease } from '../buyer-lease.js'
import { nameOfMirror } from '../mirror-names.js'
import type { PlacementContext } from '../placing/placement.js'
import { copiesOf, lastEndOf, priceCeiling, sourcesOf } from './copies.js'
import type { Copies } from './copies.js'
import { afterFailure } from './failure.js'
import { loggedBy } from './logged.js'
import type { Mirrors } from '../mirrors.js'
import type { MirrorTask } from './mirror-upkeep.js'
import { FurtherCopy } from './further-copy.js'
import { OtherCopies } from './other-copies.js'

/** A copy is not replaced in the last part of its time, nor for less than this, ms. */
const LEAST_TIME = HOUR
const LAST_PART = 20
/** A copy that was begun and not stored is given up after this time where nothing brings it on, ms. */
const BEGUN = DAY
/** Who has answered an audit so long ago is not audited again at once, ms. */
const JUST_NOW = MINUTE

/**
 * Replaces copies that fail, are gone or were given up, from the copies that are left. What is bought ends with the others.
 */
export class Replacement implements MirrorTask {
  readonly #mirrors: Mirrors
  readonly #log: Logger

  constructor(mirrors: Mirrors, log: Logger) {
    this.#mirrors = mirrors
    this.#log = log
  }

  get #context(): PlacementContext {
    return this.#mirrors.placing
  }

  isDue(_job: MirrorJob, copies: Copies): boolean {
    if (unstoredOf(copies).length > 0 || this.#replacedOf(copies).length > 0) return true
    return copies.missing > 0 && this.#isWorth(copies) && sourcesOf(copies, this.#context.leases).length > 0
  }

  async run(job: MirrorJob, copies: Copies, signal: AbortSignal): Promise<void> {
    const { leases } = this.#context
    const sources = this.#isWorth(copies) ? await this.#answering(sourcesOf(copies, leases), signal) : []
    const begun = await this.#begun(unstoredOf(copies), sources.length > 0)
    if (sources.length > 0) await this.#place(job, copies, { sources, begun }, signal)
    for (const { state, audited, terms } of this.#copies(job).living)
      if (state === LEASE.STORED && !audited)
        await this.#checked(new BuyerLease(this.#context, agreementId(terms)), signal)
    // It took a while: a copy may have come back, or another one may have been lost.
    const after = this.#copies(job)
    for (const { terms } of this.#replacedOf(after))
      await new BuyerLease(this.#context, agreementId(terms)).giveUp('another provider keeps this copy now')
    if (after.missing > 0 && this.#isWorth(after))
      throw new BushelError(
        'NO_OFFER',
        sources.length > 0
          ? 'a lost copy is not replaced yet: no provider has taken it'
          : 'a lost copy cannot be replaced now: no copy that is left answers'
      )
  }

  /** The copies of a mirror as they are now. */
  #copies({ store }: MirrorJob): Copies {
    const { leases, now } = this.#context
    return copiesOf(this.#mirrors.get(store)!, leases, now())
  }

  async #place(
    job: MirrorJob,
    copies: Copies,
    { sources, begun }: { sources: readonly Lease[]; begun: readonly BuyerLease[] },
    signal: AbortSignal
  ): Promise<void> {
    const { deals, leases, now, timeouts = TIMEOUTS } = this.#context
    const name = nameOfMirror(job)
    const goods = new OtherCopies(deals, sources, now, timeouts.answer)
    const plan = {
      ...job,
      time: Math.floor(lastEndOf(copies, leases) - now()),
      maxPrice: priceCeiling(job, copies, job.maxPrice)
    }
    const further = new FurtherCopy(this.#context, plan, goods, loggedBy(this.#log, name))
    const avoided = [...copies.living, ...copies.failed].map(({ terms }) => terms.provider.identity!)
    const place = async (copy: BuyerLease | null): Promise<boolean> => {
      if (!copy) return false
      await this.#checked(copy, signal)
      this.#log.warn(`'${name}' has a new copy at ${copy.name}, made from the others`)
      return true
    }
    for (const copy of begun) await place(await further.goOn(copy, signal))
    for (let goesOn = true; goesOn && this.#copies(job).missing > 0;) {
      const copy = await further.place(this.#mirrors.get(job.store)!, avoided, signal)
      goesOn = await place(copy)
      if (copy) avoided.push(copy.lease.terms.provider.identity!)
    }
  }

  /** Audits a copy, and remembers a failure. Of a new copy its receipt alone proves nothing. */
  async #checked(copy: BuyerLease, signal: AbortSignal): Promise<void> {
    try {
      await copy.check(signal)
    } catch (error) {
      signal.throwIfAborted()
      if (isOurs(error)) throw error
      await afterFailure(this.#context.experiences, copy, error)
      throw error
    }
  }

  /** Those of the copies that are left which answer an audit now. */
  async #answering(sources: readonly Lease[], signal: AbortSignal): Promise<Lease[]> {
    const answers = await Promise.all(
      sources.map(async lease => {
        if (Math.abs(this.#context.now() - (lease.audited ?? 0)) < JUST_NOW) return lease
        try {
          await this.#checked(new BuyerLease(this.#context, agreementId(lease.terms)), signal)
          return lease
        } catch (error) {
          signal.throwIfAborted()
          if (isOurs(error)) throw error
          return null
        }
      })
    )
    return answers.filter(lease => lease !== null)
  }

  /** Whether enough of the time is left to replace a copy. */
  #isWorth(copies: Copies): boolean {
    const { leases, now } = this.#context
    const term = Math.max(0, ...copies.living.map(({ terms }) => terms.time))
    return lastEndOf(copies, leases) - now() >= Math.max(LEAST_TIME, term / LAST_PART)
  }

  /** Copies that a stop interrupted, but for those with which nothing can be done. */
  async #begun(unstored: readonly Lease[], canGoOn: boolean): Promise<BuyerLease[]> {
    const begun: BuyerLease[] = []
    for (const { state, terms, committed, created } of unstored) {
      const copy = new BuyerLease(this.#context, agreementId(terms))
      const isOld = this.#context.now() - (committed || created) > BEGUN
      if (state === LEASE.AGREED)
        await copy.giveUp('the node stopped before the agreement was signed', { ask: false })
      else if (canGoOn) begun.push(copy)
      else if (isOld) await copy.giveUp('no other copy is there to make it from')
    }
    return begun
  }

  /** Failed copies that are stored still, where enough others are. */
  #replacedOf({ failed, missing, living }: Copies): Lease[] {
    const { leases } = this.#context
    const isKept = (lease: Lease): boolean => leases.health(lease) === 'healthy' && Boolean(lease.audited)
    const isWhole = missing === 0 && living.every(isKept)
    return isWhole && living.length > 0 ? failed.filter(({ state }) => state === LEASE.STORED) : []
  }
}

function unstoredOf({ living }: Copies): Lease[] {
  return living.filter(({ state }) => state !== LEASE.STORED)
}
