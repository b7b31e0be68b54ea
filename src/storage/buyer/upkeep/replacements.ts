import ReadyResource from 'ready-resource'
import type { Lease, MirrorJob } from '#spec'
import { BushelError } from '../../../../contracts/errors/error.js'
import { HOUR, MINUTE } from '../../../../contracts/money/quantity.js'
import { most } from '../../../../contracts/money/money.js'
import { agreementId } from '../../../../contracts/terms.js'
import { KeyedBackoff } from '../../../base/backoff.js'
import { Poller } from '../../../base/poller.js'
import type { Logger } from '../../../base/logger.js'
import type { Store } from '../../../store/store.js'
import { LEASE } from '../../lease/lease-state.js'
import { endOf } from '../../lease/leases.js'
import { TIMEOUTS } from '../../lease/timeouts.js'
import { BuyerLease } from '../buyer-lease.js'
import type { BuyerLeaseContext } from '../buyer-lease.js'
import { isLongOver, mirrorsOf, nameOfMirror } from '../mirror-names.js'
import { MIRROR } from '../mirror-state.js'
import type { Mirrors } from '../mirrors.js'
import type { PlacementListener } from '../placing/placement.js'
import type { Plan } from '../placing/seller-search.js'
import { copiesOf, sourcesOf } from './copies.js'
import type { Copies } from './copies.js'
import { OtherCopies } from './other-copies.js'

export interface ReplacementsOptions extends BuyerLeaseContext {
  store: Store
  mirrors: Mirrors
  log: Logger
  /** ms between two looks at all mirrors. */
  lookEvery?: number
}

const LOOK = 10 * MINUTE
/** Until a copy for which no provider was found is looked for again, ms. */
const AGAIN = { first: 10 * MINUTE, last: 6 * HOUR }
/** Most mirrors that are replaced at the same time. */
const AT_ONCE = 4
/** A copy is not replaced for less time than this before its end, ms. */
const LEAST_TIME = HOUR
/** Without a highest price of its owner a copy costs at most so many times the dearest one that it had. */
const DEAREST = 2n

/**
 * Replaces copies that fail, are gone or were given up, from the copies that are left, while the node runs. What is bought ends
 * with the others.
 */
export class Replacements extends ReadyResource {
  readonly #options: ReplacementsOptions
  readonly #poller: Poller
  readonly #tries: KeyedBackoff
  readonly #running = new Map<string, Promise<void>>()

  constructor(options: ReplacementsOptions) {
    super()
    this.#options = options
    this.#tries = new KeyedBackoff(AGAIN, options.now)
    this.#poller = new Poller({
      look: () => this.#look(),
      interval: options.lookEvery ?? LOOK,
      onerror: error => options.log.fault(error)
    })
  }

  protected override _open(): Promise<void> {
    void this.#poller.start()
    return Promise.resolve()
  }

  protected override async _close(): Promise<void> {
    await this.#poller.close()
    await this.idle()
  }

  /** Looks soon: a copy was lost. */
  poke(): void {
    this.#poller.poke()
  }

  /** Resolves when no replacement is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  #look(): void {
    const { store, leases, now } = this.#options
    for (const job of mirrorsOf(store, leases)) {
      if (this.#running.size >= AT_ONCE) return
      if (job.state !== MIRROR.KEPT || isLongOver(job, now()) || this.#running.has(job.store)) continue
      const copies = copiesOf(job, leases, now())
      const begun = copies.living.some(({ state }) => state !== LEASE.STORED)
      if ((copies.missing === 0 && !begun) || this.#timeLeft(copies) < LEAST_TIME) continue
      if (sourcesOf(copies, leases).length === 0 || !this.#tries.isDue(Buffer.from(job.store, 'hex')))
        continue
      const work = this.#replace(job, copies)
        .catch(error => this.#failed(job, error))
        .finally(() => this.#running.delete(job.store))
      this.#running.set(job.store, work)
    }
  }

  /** ms until the last of the copies that are left ends. */
  #timeLeft({ living }: Copies): number {
    const ends = living.filter(({ state }) => state === LEASE.STORED).map(endOf)
    return Math.max(0, ...ends) - this.#options.now()
  }

  async #replace(job: MirrorJob, copies: Copies): Promise<void> {
    const { deals, leases, mirrors, now, log, timeouts = TIMEOUTS } = this.#options
    const { signal } = this.#poller
    const name = nameOfMirror(job)
    const goods = new OtherCopies(deals, sourcesOf(copies, leases), now, timeouts.answer)
    const dearest = most(1n, ...copies.all.map(({ terms }) => terms.price!))
    const plan: Plan = {
      ...job,
      time: Math.floor(this.#timeLeft(copies)),
      maxPrice: job.maxPrice || DEAREST * dearest
    }
    const begun = await this.#begun(copies)
    const how = {
      begun,
      missing: copies.missing + this.#unstored(copies) - begun.length,
      avoided: copies.all.map(({ terms }) => terms.provider.identity!)
    }
    const kept = await mirrors.more(job, plan, goods, how, this.#listener(name), signal)
    for (const copy of kept) log.warn(`'${name}' has a new copy at ${copy.name}, made from the others`)
    if (kept.length > 0) this.#tries.reset(Buffer.from(job.store, 'hex'))
    if (kept.length < how.missing + begun.length)
      log.warn(`'${name}' misses a copy, and no offer fits; one is looked for again`)
    else await this.#dismiss(copies.failed)
  }

  /** Copies that a stop interrupted, but for those that nobody has countersigned. */
  async #begun({ living }: Copies): Promise<BuyerLease[]> {
    const begun: BuyerLease[] = []
    for (const { state, terms } of living) {
      if (state === LEASE.STORED) continue
      const copy = new BuyerLease(this.#options, agreementId(terms))
      if (state === LEASE.AGREED)
        await copy.giveUp('the node stopped before the agreement was signed', { ask: false })
      else begun.push(copy)
    }
    return begun
  }

  #unstored({ living }: Copies): number {
    return living.filter(({ state }) => state !== LEASE.STORED).length
  }

  /** Gives up the leases that were replaced; what was paid and not served is asked back. */
  async #dismiss(failed: readonly Lease[]): Promise<void> {
    for (const { state, terms } of failed)
      if (state === LEASE.STORED)
        await new BuyerLease(this.#options, agreementId(terms)).giveUp('another provider keeps this copy now')
  }

  #listener(name: string): PlacementListener {
    const { log } = this.#options
    const nothing = (): void => undefined
    return { note: message => log.info(`'${name}': ${message}`), uploaded: nothing, paid: nothing }
  }

  #failed(job: MirrorJob, error: unknown): void {
    const { log } = this.#options
    if (this.#poller.signal.aborted) return
    if (error instanceof BushelError)
      log.warn(`a lost copy of '${nameOfMirror(job)}' could not be replaced yet: ${error.message}`)
    else log.fault(error)
  }
}
