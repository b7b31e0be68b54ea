import type { CoreLimit, MirrorJob } from '#spec'
import { BushelError, isOurs } from '../../../../contracts/errors/error.js'
import { shortKey } from '../../../../contracts/keys/key.js'
import { billedBytes, most, totalCharge } from '../../../../contracts/money/money.js'
import type { Deals } from '../../../deal/deals.js'
import { MOST_NOTES, dialSellers, isAway } from '../../../deal/sellers/dialling.js'
import type { Experiences } from '../../../deal/sellers/experience.js'
import { firstInstallmentFor } from '../../../deal/sellers/first-installment.js'
import { priceLimit } from '../../../deal/sellers/matching.js'
import type { Prices } from '../../../deal/sellers/matching.js'
import { awayNote, slowNotes } from '../../../deal/sellers/slow-sellers.js'
import { TIMEOUTS } from '../../lease/timeouts.js'
import type { Timeouts } from '../../lease/timeouts.js'
import { askQuote } from '../lease-terms.js'
import type { Leases } from '../../lease/leases.js'
import type { LeaseQuote } from '../lease-terms.js'
import { aheadIn, mostAtFirst } from './ahead.js'
import { match } from './matching.js'
import type { Candidate } from './matching.js'

/** An ask on the book. */
export interface BookedAsk extends Candidate {
  device: Buffer
  revision: number
  /** Minimum charge, msat. */
  minChargeMsat: bigint
}

/** What is to be placed: a packed drive, or the most that one can have before it is packed. */
export type Plan = Pick<
  MirrorJob,
  'market' | 'copies' | 'time' | 'offer' | 'maxPrice' | 'prepayMaxMsat' | 'ahead'
> & {
  cores: readonly Pick<CoreLimit, 'length' | 'byteLength'>[]
}

export interface SearchContext {
  deals: Deals
  experiences: Experiences
  /** The live asks for storage of a market on our Lightning network, cheapest first. */
  asks(market: Buffer, maxPrice: bigint | null): Promise<BookedAsk[]>
  now: () => number
  minGrace: number
  leases: Leases
  timeouts?: Timeouts
}

/** Extra providers asked for a quote, so that a silent one costs no time. */
const SPARE_QUOTES = 2

/** Finds sellers for the copies of a mirror that answer and have a quote. None of their asks is tried twice. */
export class SellerSearch {
  /** The sizes of what is to be stored, or the most that they can be. */
  cores: Plan['cores']
  readonly #context: SearchContext
  readonly #plan: Plan
  readonly #note: (message: string) => void
  readonly #tried = new Set<string>()
  /** Devices that could not be reached, in hex. */
  readonly #away = new Set<string>()

  constructor(context: SearchContext, plan: Plan, note: (message: string) => void) {
    this.#context = context
    this.#plan = plan
    this.#note = note
    this.cores = plan.cores
  }

  /** An ask that is not tried again. */
  tried(ask: Buffer): void {
    this.#tried.add(ask.toString('hex'))
  }

  /** The best offers of sellers that answer, one of each identity; none when there are none left to dial. */
  async answering(count: number, taken: readonly Buffer[], signal: AbortSignal): Promise<BookedAsk[]> {
    const { deals, experiences, timeouts = TIMEOUTS } = this.#context
    for (;;) {
      const candidates = await this.#candidates(taken)
      if (candidates.length === 0) return []
      const dialled = await dialSellers(candidates, {
        open: (device, options) => deals.open(device, options),
        least: count,
        most: count + SPARE_QUOTES,
        timeoutMs: timeouts.connect,
        graceMs: timeouts.grace,
        signal
      })
      const { reached, failed, slower } = dialled
      experiences.dialled(dialled)
      for (const note of slowNotes(slower)) this.#note(note)
      const away = failed.filter(({ error }) => isAway(error))
      for (const { ask } of away) this.#away.add(ask.device.toString('hex'))
      if (away.length > MOST_NOTES) this.#note(awayNote(away.length))
      else for (const { ask, error } of away) this.passOver(ask.device, error)
      for (const { ask, error } of failed) if (!isAway(error)) await this.skip(ask, error)
      if (reached.length > 0) return reached
    }
  }

  /** Null when the seller has no quote, or the quote is no longer `wanted`. */
  async quote(ask: BookedAsk, signal: AbortSignal, wanted: AbortSignal): Promise<LeaseQuote | null> {
    const { deals, experiences, minGrace, timeouts = TIMEOUTS } = this.#context
    try {
      const channel = await deals.open(ask.device, { timeoutMs: timeouts.connect, signal })
      if (!channel.peer!.identity.equals(ask.identity))
        throw new BushelError('BAD_PEER', 'its device does not belong to the identity of its ask')
      const firstInstallmentMsat = firstInstallmentFor(experiences, ask.identity)
      return await askQuote(deals, channel, {
        market: this.#plan.market,
        ask: ask.id,
        revision: ask.revision,
        price: ask.price,
        minChargeMsat: ask.minChargeMsat,
        ...pricesOf(this.#plan),
        cores: this.cores,
        time: this.#plan.time,
        firstInstallmentMsat,
        aheadMsat: most(this.#mostAtFirst(ask), firstInstallmentMsat),
        minGrace,
        timeoutMs: timeouts.quote
      })
    } catch (error) {
      signal.throwIfAborted()
      if (wanted.aborted) return null // it had less time than a seller may take
      if (isOurs(error)) throw error
      await this.skip(ask, error)
      return null
    }
  }

  #mostAtFirst({ price, minChargeMsat, device }: BookedAsk): bigint {
    const { time } = this.#plan
    const chargeMsat = totalCharge({ bytes: billedBytes(this.cores), time, price, minChargeMsat })
    const servedMs = this.#context.leases.servedBy(device)
    return mostAtFirst(aheadIn(this.#plan), { chargeMsat, time, servedMs })
  }

  /** Passes over the sellers that had no quote when dearer ones, whose asks are `taken`, had theirs. They are not blamed. */
  leaveSlow(asked: readonly BookedAsk[], taken: readonly Buffer[]): void {
    const last = taken.at(-1)
    const before = last ? asked.findIndex(({ id }) => id.equals(last)) : 0
    for (const ask of asked.slice(0, before)) {
      const id = ask.id.toString('hex')
      if (this.#tried.has(id) || taken.some(one => one.equals(ask.id))) continue
      this.#tried.add(id)
      this.#context.experiences.slower(ask)
      this.passOver(
        ask.device,
        new BushelError('TIMEOUT', `${shortKey(ask.device)} did not answer quote in time`)
      )
    }
  }

  /** Passes over a seller that failed, and remembers what it did. */
  async skip(ask: BookedAsk, error: unknown): Promise<void> {
    this.tried(ask.id)
    await this.#context.experiences.failed(ask, error)
    this.passOver(ask.device, error)
  }

  passOver(device: Buffer, error: unknown): void {
    this.#note(
      `skipped the offer of ${shortKey(device)}: ${error instanceof Error ? error.message : String(error)}`
    )
  }

  /** The asks that fit and were not tried, without those of identities that are taken. */
  async #candidates(taken: readonly Buffer[]): Promise<BookedAsk[]> {
    const { asks, experiences, deals, now } = this.#context
    const { market, time } = this.#plan
    const wanted = {
      bytes: Number(billedBytes(this.cores)),
      time,
      ...pricesOf(this.#plan),
      identity: deals.self.identity
    }
    const standing = await asks(market, priceLimit(wanted))
    const fitting = match(standing, wanted, experiences.toward, now()).filter(
      ask =>
        !this.#tried.has(ask.id.toString('hex')) &&
        !this.#away.has(ask.device.toString('hex')) &&
        !taken.some(identity => identity.equals(ask.identity))
    )
    return experiences.slow.last(fitting)
  }

  noOffer(standing: number): BushelError {
    const away = this.#away.size
    const silent = away > 0 ? `; ${away} devices could not be reached` : ''
    return new BushelError(
      'NO_OFFER',
      `no more offers fit: providers agreed to ${standing} of ${this.#plan.copies} copies${silent}`,
      away > 0
        ? 'nothing was paid; try again when their sellers are online, or ask for fewer --copies'
        : 'nothing was paid; raise --max-price, ask for fewer --copies, or see the offers with: bushel book'
    )
  }
}

/** The buyer's prices, which are 0 on disk when it named none. */
export function pricesOf({ offer, maxPrice }: Pick<MirrorJob, 'offer' | 'maxPrice'>): Prices {
  return { offer: offer || null, maxPrice: maxPrice || null }
}
