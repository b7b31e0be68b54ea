import type { Lease, SignedTakeover, TakenLease } from '#spec'
import { BushelError, isOurs } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { verify } from '../../../contracts/keys/signature.js'
import { most } from '../../../contracts/money/money.js'
import { MAX_TAKEN } from '../../../contracts/schema/counts.js'
import { MAX_CLOCK_SKEW, agreementId, faultOfList } from '../../../contracts/terms.js'
import { KeyedBackoff } from '../../base/backoff.js'
import type { Retry } from '../../base/backoff.js'
import { KeyedMutex } from '../../base/mutex.js'
import type { DealChannel } from '../../deal/channel.js'
import { isDeclined } from '../../deal/decline.js'
import type { Deals } from '../../deal/deals.js'
import type { Debts } from '../../payment/debts.js'
import type { Payments } from '../../payment/payments.js'
import { change } from '../../store/change.js'
import type { Store } from '../../store/store.js'
import { LEASE, isGivenUp } from '../lease/lease-state.js'
import { installmentsOf } from '../lease/leases.js'
import type { Leases } from '../lease/leases.js'
import type { Timeouts } from '../lease/timeouts.js'
import { takingTable } from '../tables.js'
import { takeoversOf } from './chain.js'
import { furtherLease } from './further-lease.js'
import type { Leaving } from './leaving.js'

export interface TakingOptions {
  store: Store
  deals: Deals
  leases: Leases
  payments: Payments
  debts: Debts
  leaving: Leaving
  timeouts: Timeouts
  now: () => number
}

/** Saves a lease, and adds it to the mirror of another one. */
export interface FurtherLeases {
  addFurther(further: { lease: Lease; before: Lease }, paidMsat: bigint): Promise<void>
}

/** How a provider has answered. */
export interface TakingOutcome {
  provider: Buffer
  result: 'taken' | 'waiting' | 'refused'
  why?: string
}

const AGAIN: Retry = { first: 60_000, last: 3_600_000 }

/**
 * The device that takes leases over: each of its providers is shown what the words have signed, before anything else is asked of
 * it. One that cannot be reached is asked again.
 */
export class Taking {
  readonly #options: TakingOptions
  readonly #turns = new KeyedMutex()
  readonly #backoff: KeyedBackoff
  #mirrors: FurtherLeases | null = null

  constructor(options: TakingOptions) {
    this.#options = options
    this.#backoff = new KeyedBackoff(AGAIN, options.now)
  }

  /** Where leases go that the device before has made after the export. */
  addTo(mirrors: FurtherLeases): void {
    this.#mirrors = mirrors
  }

  /** The providers that have not answered. */
  get waiting(): Buffer[] {
    const all = [...this.#options.store.table(takingTable).list()].map(({ key }) => key[0])
    return [...new Map(all.map(device => [device.toString('hex'), device])).values()]
  }

  get leaving(): Leaving {
    return this.#options.leaving
  }

  /** True when this device was left itself: it buys and pays nothing. */
  get isLeft(): boolean {
    return this.leaving.isLeft
  }

  /** Throws TAKEN_OVER when this device was left itself. */
  demandHere(): void {
    this.#options.leaving.demandHere()
  }

  /** Has the provider at the other end hand over what it keeps for earlier devices, unless it has. Rejects with its decline. */
  async ask(channel: DealChannel): Promise<void> {
    const { device } = channel
    if (this.#asked(device).length === 0) return
    await this.#turns.run(device.toString('hex'), async () => {
      for (const signed of this.#asked(device)) await this.#request(channel, signed)
    })
  }

  /**
   * Whether less is left of a debt of the provider than this device knows, which notes it then: an earlier device may have had a
   * part of what was owed before the takeover.
   */
  async isLess(channel: DealChannel, agreement: Buffer): Promise<boolean> {
    const { store, leases, debts, timeouts } = this.#options
    const owed = debts.get('creditor', agreement)
    const lease = leases.get('buyer', agreement)
    const signed = lease && takeoversOf(store, lease.terms).at(-1)
    if (!owed || !signed || owed.debt.debt.at > signed.takeover.n + MAX_CLOCK_SKEW) return false
    const answer = await channel.request(
      'takeover',
      { signed, agreements: [agreement] },
      { timeoutMs: timeouts.answer }
    )
    const { leftMsat = null } = answer.leases.find(one => one!.agreement.equals(agreement)) ?? {}
    if (leftMsat === null) return false
    return debts.settling(agreement, () => debts.settledElsewhere(agreement, leftMsat))
  }

  /** Asks a provider; never rejects for what the provider does. */
  async tryWith(provider: Buffer, signal: AbortSignal): Promise<TakingOutcome> {
    const { deals, timeouts } = this.#options
    try {
      await this.ask(await deals.open(provider, { timeoutMs: timeouts.connect, signal }))
      return { provider, result: 'taken' }
    } catch (error) {
      signal.throwIfAborted()
      if (isOurs(error) || !(error instanceof BushelError)) throw error
      const result = this.#asked(provider).length > 0 ? 'waiting' : 'refused'
      return { provider, result, why: error.message }
    }
  }

  /** A provider has connected: it is asked at once. */
  async met(provider: Buffer, signal: AbortSignal): Promise<void> {
    if (!this.isLeft && this.#asked(provider).length > 0) await this.tryWith(provider, signal)
  }

  /** Asks the providers that have not answered and are due. */
  async look(signal: AbortSignal): Promise<void> {
    if (this.#options.leaving.isLeft) return
    for (const device of this.waiting) if (this.#backoff.isDue(device)) await this.tryWith(device, signal)
  }

  /** What this provider is still to be shown, the earliest first: a takeover may follow another one. */
  #asked(device: Buffer): SignedTakeover[] {
    return [...this.#options.store.table(takingTable).list({ under: [device] })]
      .map(({ value }) => value)
      .sort((a, b) => a.takeover!.n - b.takeover!.n)
  }

  async #request(channel: DealChannel, signed: SignedTakeover): Promise<void> {
    const { timeouts } = this.#options
    const all = this.#leasesOf(channel.device).map(({ terms }) => agreementId(terms))
    try {
      for (let i = 0; i === 0 || i < all.length; i += MAX_TAKEN) {
        const agreements = all.slice(i, i + MAX_TAKEN)
        const body = { signed, agreements }
        const answer = await channel.request('takeover', body, { timeoutMs: timeouts.answer })
        for (const one of answer.leases) {
          await this.#addFurther(one!, signed, channel.device)
          if (this.#options.leases.get('buyer', one!.agreement)) await this.#take(channel, one!)
        }
      }
    } catch (error) {
      // It will not say otherwise: the leases show what comes of it.
      if (isDeclined(error, 'TAKEN_OVER', 'TAKEOVER', 'SIGNATURE', 'PARTIES')) {
        await this.#done(channel.device, signed)
        await this.#giveUp(channel.device, signed.takeover.from, error.message)
      }
      throw error
    }
    await this.#done(channel.device, signed)
    this.#backoff.reset(channel.device)
  }

  /** The provider has answered; a later takeover of the same device may have come meanwhile, and is still to be shown. */
  async #done(provider: Buffer, { takeover: { from, n } }: SignedTakeover): Promise<void> {
    const { store } = this.#options
    const asked = store.table(takingTable).get([provider, from])
    if (asked?.takeover.n === n) await store.set(change(takingTable, [provider, from], null))
  }

  /** The leases of earlier devices with a provider. */
  #leasesOf(provider: Buffer): Lease[] {
    const own = this.#options.deals.self.device.publicKey
    return [...this.#options.leases.with(provider)]
      .map(({ lease }) => lease)
      .filter(({ role, terms }) => role === 'buyer' && !terms.buyer.device!.equals(own))
  }

  /** Adds a lease that the device before has made after the export. */
  async #addFurther(taken: TakenLease, { takeover }: SignedTakeover, provider: Buffer): Promise<void> {
    const { leases } = this.#options
    if (!this.#mirrors || leases.get('buyer', taken.agreement)) return
    const further = furtherLease(taken, this.#leasesOf(provider), takeover.from)
    if (further) await this.#mirrors.addFurther(further, taken.paidMsat)
  }

  /** What the device before had paid after the export counts as well. The provider knows it, and would not say too much. */
  async #take(channel: DealChannel, { agreement, paidMsat, counter = null }: TakenLease): Promise<void> {
    const { leases, payments } = this.#options
    const lease = leases.get('buyer', agreement)!
    const { terms } = lease
    if (!terms.provider.device!.equals(channel.device)) return
    const isSigned =
      counter !== null &&
      counter.counter.agreement.equals(agreement) &&
      counter.buyer &&
      counter.provider &&
      leases.buyersOf(lease).some(device => verify('counter', counter.counter, counter.buyer!, device)) &&
      verify('counter', counter.counter, counter.provider, channel.device)
    const paid = most(paidMsat, isSigned ? counter.counter.paidMsat : 0n)
    if (paid > payments.ledger.totals(agreement).paidMsat) {
      const listed = await this.#lists(channel, agreement, paid)
      await payments.takeOver(agreement, paid, listed, 'payer', terms.provider.identity)
    }
    this.#acknowledge(agreement, paid)
    // It may have changed meanwhile.
    const current = leases.get('buyer', agreement)!
    if (isSigned && counter.counter.n > (current.counter?.counter.n ?? 0))
      await leases.save({ ...current, counter })
  }

  /** The provider has just said that it has received so much: it owes back what is not served of that. */
  #acknowledge(agreement: Buffer, paidMsat: bigint): void {
    const { payments } = this.#options
    let left = paidMsat
    for (const { installment, msat } of payments.ledger.payments(agreement)) {
      left -= msat
      if (left < 0n) return
      payments.acknowledged(agreement, installment)
    }
  }

  /** The signed installments of an agreement, with those that this device has not got, as far as they are paid. */
  async #lists(
    channel: DealChannel,
    agreement: Buffer,
    paidMsat: bigint
  ): Promise<ReturnType<Leases['lists']>> {
    const { leases, store, timeouts } = this.#options
    const lease = leases.get('buyer', agreement)!
    for (;;) {
      const listed = leases.lists('buyer', agreement)
      const isAll = listed.reduce((sum, { msat }) => sum + msat, 0n) >= paidMsat
      if (isAll || listed.length === 0 || listed.length >= installmentsOf(lease).length) return listed
      const from = listed.length
      const asked = channel.request('topup', { agreement, from }, { timeoutMs: timeouts.answer })
      const next = await asked.catch((error: unknown) => {
        if (isDeclined(error)) return null // the lease is over
        throw error
      })
      if (!next) return listed
      const isValid =
        faultOfList(next.list, lease.terms, from) === null &&
        verify('installment-list', next.list, next.signature, channel.device)
      if (!isValid)
        throw new BushelError('BAD_PEER', `${shortKey(channel.device)}: its list of installments is wrong`)
      await store.set(leases.listChange('buyer', agreement, from, next))
    }
  }

  /** Leases that a provider does not hand over are lost to this device. */
  async #giveUp(provider: Buffer, from: Buffer, why: string): Promise<void> {
    const { leases } = this.#options
    for (const lease of this.#leasesOf(provider))
      if (leases.buyersOf(lease).some(device => device.equals(from)) && !isGivenUp(lease))
        await leases.save({ ...lease, state: LEASE.ENDED, reason: `it was not handed over: ${why}` })
  }
}
