import type { MirrorJob, Terms } from '#spec'
import { parseLink } from '../../../contracts/keys/link.js'
import { readKeyPair } from '../../../contracts/keys/read-key.js'
import { BushelError, isBlamed, isOurs } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { SAT, formatAmount, most } from '../../../contracts/money/money.js'
import { aheadOf, amountsIn, planInstallments } from '../../../contracts/money/installments.js'
import { Mutex } from '../../base/mutex.js'
import type { DealChannel } from '../../deal/channel.js'
import type { Experiences } from '../../deal/sellers/experience.js'
import { MOST_NOTES, dialSellers, firstAnswers, isAway } from '../../deal/sellers/dialling.js'
import { awayNote, slowNotes } from '../../deal/sellers/slow-sellers.js'
import { priceLimit } from '../../deal/sellers/matching.js'
import type { Prices } from '../../deal/sellers/matching.js'
import type { PlannedSpending } from '../../payment/limits.js'
import { BuyerLease } from './buyer-lease.js'
import type { BuyerLeaseContext, UploadSource } from './buyer-lease.js'
import { LEASE, isGivenUp } from '../lease/lease-state.js'
import { askQuote, termsOf, planOfTerms } from './lease-terms.js'
import type { SignedTerms } from './lease-terms.js'
import { match } from './matching.js'
import type { Candidate } from './matching.js'
import { idOf } from '../lease/leases.js'
import { isRouteMissing, whenBack } from './own-wallet.js'
import { isPassing } from './passing.js'
import { TIMEOUTS } from '../lease/timeouts.js'

/** An ask on the book. */
export interface BookedAsk extends Candidate {
  device: Buffer
  revision: number
  /** Minimum charge, msat. */
  minChargeMsat: bigint
}

export interface PlacementContext extends BuyerLeaseContext {
  experiences: Experiences
  /** The live asks for storage of a market on our Lightning network, cheapest first. */
  asks(market: Buffer, maxPrice: bigint | null): Promise<BookedAsk[]>
  spendable(): Promise<bigint>
  saveJob(job: MirrorJob): Promise<void>
  minGrace: number
}

/** Progress and notes of a placement, for the user. */
export interface PlacementListener {
  note(message: string): void
  uploaded(copy: BuyerLease, bytes: number): void
  paid(copy: BuyerLease, payment: { installment: number; msat: bigint; feeMsat: bigint }): void
}

/** Terms from a provider's quote, signed by us and not sent yet. */
interface AgreementDraft {
  channel: DealChannel
  ask: Buffer
  agree: SignedTerms
}

/** Extra providers asked for a quote, so that a silent one costs no time. */
const SPARE_QUOTES = 2
const INSTALLMENT_START = 5n * SAT
const MAX_START_DOUBLINGS = 3

/**
 * Finds a provider of a different identity for each copy of a packed drive. All agreements are signed and all Lightning
 * peers are reachable before the first payment; a provider that fails later is replaced by the next offer.
 */
export class Placement {
  readonly #context: PlacementContext
  readonly #goods: UploadSource
  readonly #listener: PlacementListener
  readonly #tried = new Set<string>()
  /** Devices that could not be reached, in hex. */
  readonly #away = new Set<string>()
  #job: MirrorJob
  /** Serializes replacements, so that two do not take the same offer. */
  readonly #mutex = new Mutex()

  constructor(context: PlacementContext, job: MirrorJob, goods: UploadSource, listener: PlacementListener) {
    this.#context = context
    this.#job = job
    this.#goods = goods
    this.#listener = listener
  }

  /** Rejects with NO_OFFER when nothing was paid, with COPIES_SHORT when only some of the copies were placed. */
  async run(signal: AbortSignal): Promise<BuyerLease[]> {
    const copies = this.#standing()
    const committed = copies.filter(copy => copy.paidInstallments > 0)
    if (committed.length === 0) await this.#prepare(copies, signal)
    const done = await this.#together(copies, signal)
    for (let missing = this.#job.copies - copies.length; missing > 0; missing--)
      done.push(await this.#replace(signal))
    const kept = done.filter(copy => copy !== null)
    if (kept.length < this.#job.copies) throw this.#short(kept)
    return kept
  }

  /** Works on all copies at once. A fault of our own stops them all; a later run goes on from there. */
  async #together(copies: readonly BuyerLease[], signal: AbortSignal): Promise<(BuyerLease | null)[]> {
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    const keepUp = async (copy: BuyerLease): Promise<BuyerLease | null> => {
      try {
        return await this.#keepUp(copy, either)
      } catch (error) {
        stop.abort(error)
        throw error
      }
    }
    const done = await Promise.allSettled(copies.map(keepUp))
    if (stop.signal.aborted) throw stop.signal.reason as Error
    return done.map(one => (one.status === 'fulfilled' ? one.value : null))
  }

  /** The copies agreed by an earlier run. */
  #standing(): BuyerLease[] {
    return this.#job.agreements
      .map(id => new BuyerLease(this.#context, id))
      .filter(copy => !isGivenUp(copy.lease))
  }

  async #prepare(copies: BuyerLease[], signal: AbortSignal): Promise<void> {
    const old = copies.splice(0)
    for (const copy of old) {
      if (copy.lease.state === LEASE.BOUND && this.#context.now() < copy.lease.terms.startBy)
        copies.push(copy)
      else await copy.giveUp('the node stopped before the agreement was signed', { ask: false })
    }
    try {
      for (let reached = false; !reached;) {
        while (copies.length < this.#job.copies)
          copies.push(...(await this.#agree(this.#job.copies - copies.length, copies, signal)))
        const due = copies.reduce((sum, copy) => sum + this.#ahead(copy), 0n)
        const { spendable: ask, timeouts = TIMEOUTS } = this.#context
        const spendable = await whenBack(ask, timeouts.wallet, signal)
        if (due > spendable) throw noBalance(due, spendable)
        reached = true
        let fees = 0n
        for (const copy of [...copies]) {
          const fee = await this.#reaches(copy)
          fees += fee ?? 0n
          if (fee !== null) continue
          copies.splice(copies.indexOf(copy), 1)
          reached = false
        }
        if (reached && due + fees > spendable) throw noBalance(due + fees, spendable)
      }
    } catch (error) {
      for (const copy of copies) await copy.void('too few providers agreed')
      throw error
    }
  }

  /**
   * The fees to expect, msat; null when the provider cannot be paid: it is told, and skipped. Rejects when our own balance is
   * too low.
   */
  async #reaches(copy: BuyerLease): Promise<bigint | null> {
    try {
      return await copy.reach(this.#ahead(copy))
    } catch (error) {
      if (!(error instanceof BushelError) || isOurs(error)) throw error
      await copy.leave(`the buyer cannot pay it: ${error.message}`)
      this.#passOver(copy.provider, error)
      return null
    }
  }

  /** False when it turns out before anything is signed that the provider cannot be paid. Rejects as `#reaches` does. */
  async #canPay({ channel, agree: { terms } }: AgreementDraft): Promise<boolean> {
    const { payments, timeouts = TIMEOUTS } = this.#context
    const { aheadMsat } = this.#planOf(terms)
    const amounts = amountsIn(planInstallments(terms), aheadMsat)
    const foresee = (): Promise<bigint> =>
      payments.foresee(terms.provider.lightning!, aheadMsat, timeouts.reach, { amounts })
    try {
      await whenBack(foresee, timeouts.wallet)
      return true
    } catch (error) {
      if (!(error instanceof BushelError) || isOurs(error)) throw error
      this.#passOver(channel.device, error)
      return false
    }
  }

  /** Most that is paid in advance for a copy, msat. */
  #ahead(copy: BuyerLease): bigint {
    return aheadOf(copy.chargeMsat, this.#shareMsat, copy.lease.terms)
  }

  get #shareMsat(): bigint {
    return this.#job.prepayMaxMsat / BigInt(this.#job.copies)
  }

  #planOf(terms: Terms, paidMsat = 0n): PlannedSpending {
    const { limits } = this.#context.payments
    return planOfTerms(terms, { shareMsat: this.#shareMsat, paidMsat }, amounts => limits.feesOf(amounts))
  }

  /** Throws OVER_LIMIT before anything is signed when these copies and drafts together exceed a spending limit. */
  #demandLimits(copies: readonly BuyerLease[], drafts: readonly AgreementDraft[]): void {
    const { limits, ledger } = this.#context.payments
    const standing = copies.map(({ id, lease: { terms } }) => {
      const { paidMsat, inFlightMsat } = ledger.totals(id)
      return this.#planOf(terms, paidMsat + inFlightMsat)
    })
    const fault = limits.faultOfPlans([...standing, ...drafts.map(({ agree }) => this.#planOf(agree.terms))])
    if (fault) throw fault
  }

  async #candidates(copies: readonly BuyerLease[]): Promise<BookedAsk[]> {
    const { asks, experiences, deals, now } = this.#context
    const job = this.#job
    const taken = copies.map(copy => copy.lease.terms.provider.identity)
    const wanted = {
      bytes: job.cores.reduce((sum, core) => sum + core.byteLength, 0),
      time: job.time,
      ...pricesOf(job),
      identity: deals.self.identity
    }
    const standing = await asks(job.market, priceLimit(wanted))
    const fitting = match(standing, wanted, identity => experiences.of(identity), now()).filter(
      ask =>
        !this.#tried.has(ask.id.toString('hex')) &&
        !this.#away.has(ask.device.toString('hex')) &&
        !taken.some(identity => identity.equals(ask.identity))
    )
    return deals.slow.last(fitting)
  }

  /** Makes agreements with up to `count` more identities; rejects with NO_OFFER when no provider is left to ask. */
  async #agree(count: number, copies: readonly BuyerLease[], signal: AbortSignal): Promise<BuyerLease[]> {
    const asked = await this.#answering(count, copies, signal)
    if (asked.length === 0) throw this.#noOffer(copies.length)
    const quote = (ask: BookedAsk, wanted: AbortSignal): Promise<AgreementDraft | null> =>
      this.#quote(ask, signal, wanted)
    const { grace: graceMs } = this.#context.timeouts ?? TIMEOUTS
    const drafts = await firstAnswers(asked, quote, { enough: count, graceMs, signal })
    this.#leaveSlow(asked, drafts.slice(0, count))
    const agreed: BuyerLease[] = []
    try {
      for (const [i, draft] of drafts.entries()) {
        const missing = count - agreed.length
        if (missing === 0) break
        this.#demandLimits([...copies, ...agreed], drafts.slice(i, i + missing))
        this.#tried.add(draft.ask.toString('hex'))
        const copy = (await this.#canPay(draft)) ? await this.#sign(draft) : null
        if (copy) agreed.push(copy)
      }
    } catch (error) {
      for (const copy of agreed) await copy.void('not all providers agreed')
      throw error
    }
    return agreed
  }

  /** The best offers of sellers that answer, one of each identity; none when there are none left to dial. */
  async #answering(count: number, copies: readonly BuyerLease[], signal: AbortSignal): Promise<BookedAsk[]> {
    const { deals, timeouts = TIMEOUTS } = this.#context
    for (;;) {
      const candidates = await this.#candidates(copies)
      if (candidates.length === 0) return []
      const { reached, failed, slower } = await dialSellers(candidates, {
        open: (device, options) => deals.open(device, options),
        least: count,
        most: count + SPARE_QUOTES,
        timeoutMs: timeouts.connect,
        graceMs: timeouts.grace,
        signal
      })
      for (const { device } of slower) deals.slow.add(device)
      for (const note of slowNotes(slower)) this.#listener.note(note)
      const away = failed.filter(({ error }) => isAway(error))
      for (const { ask } of away) this.#away.add(ask.device.toString('hex'))
      if (away.length > MOST_NOTES) this.#listener.note(awayNote(away.length))
      else for (const { ask, error } of away) this.#passOver(ask.device, error)
      for (const { ask, error } of failed) if (!isAway(error)) await this.#skip(ask, error)
      if (reached.length > 0) return reached
    }
  }

  /** Passes over the sellers that had no quote when dearer ones had theirs. They are not blamed. */
  #leaveSlow(asked: readonly BookedAsk[], taken: readonly AgreementDraft[]): void {
    const last = taken.at(-1)
    const before = last ? asked.findIndex(({ id }) => id.equals(last.ask)) : 0
    for (const ask of asked.slice(0, before)) {
      const id = ask.id.toString('hex')
      if (this.#tried.has(id) || taken.some(draft => draft.ask.equals(ask.id))) continue
      this.#tried.add(id)
      this.#context.deals.slow.add(ask.device)
      this.#passOver(
        ask.device,
        new BushelError('TIMEOUT', `${shortKey(ask.device)} did not answer quote in time`)
      )
    }
  }

  /** Null when the seller has no quote, or the quote is no longer `wanted`. */
  async #quote(ask: BookedAsk, signal: AbortSignal, wanted: AbortSignal): Promise<AgreementDraft | null> {
    const { deals, experiences, minGrace, timeouts = TIMEOUTS } = this.#context
    try {
      const channel = await deals.open(ask.device, { timeoutMs: timeouts.connect, signal })
      if (!channel.peer!.identity.equals(ask.identity))
        throw new BushelError('BAD_PEER', 'its device does not belong to the identity of its ask')
      const firstInstallmentMsat = firstInstallmentFor(experiences, ask.identity)
      const quoted = await askQuote(deals, channel, {
        market: this.#job.market,
        ask: ask.id,
        revision: ask.revision,
        price: ask.price,
        minChargeMsat: ask.minChargeMsat,
        ...pricesOf(this.#job),
        cores: this.#job.cores,
        readKey: readKeyPair(parseLink(this.#job.link).encryptionKey).publicKey,
        time: this.#job.time,
        firstInstallmentMsat,
        aheadMsat: most(this.#shareMsat, firstInstallmentMsat),
        minGrace,
        timeoutMs: timeouts.quote
      })
      return { channel, ask: ask.id, agree: termsOf(deals, quoted) }
    } catch (error) {
      signal.throwIfAborted()
      if (wanted.aborted) return null // it had less time than a seller may take
      if (isOurs(error)) throw error
      await this.#skip(ask, error)
      return null
    }
  }

  async #skip(ask: BookedAsk, error: unknown): Promise<void> {
    this.#tried.add(ask.id.toString('hex'))
    await this.#blame(ask.identity, error)
    this.#passOver(ask.device, error)
  }

  async #sign({ channel, agree }: AgreementDraft): Promise<BuyerLease | null> {
    try {
      const copy = await BuyerLease.agree(this.#context, channel, agree, this.#job.link)
      this.#job = { ...this.#job, agreements: [...this.#job.agreements, copy.id] }
      await this.#context.saveJob(this.#job)
      return copy
    } catch (error) {
      if (isOurs(error)) throw error
      await this.#blame(channel.peer!.identity, error)
      this.#passOver(channel.device, error)
      return null
    }
  }

  /** Pays and uploads a copy up to its last payment in advance; null when its provider failed. */
  async #keepUp(copy: BuyerLease, signal: AbortSignal): Promise<BuyerLease | null> {
    const { experiences } = this.#context
    const identity = copy.lease.terms.provider.identity
    try {
      const fresh = copy.paidInstallments === 0
      if (fresh || copy.lease.state === LEASE.BOUND) {
        const payment = await copy.commit(signal)
        if (fresh) this.#listener.paid(copy, payment)
      }
      await copy.upload(this.#goods, bytes => this.#listener.uploaded(copy, bytes), signal)
      let left = this.#ahead(copy) - this.#context.payments.ledger.totals(copy.id).paidMsat
      for (;;) {
        const next = copy.nextMsat
        if (next === null || next > left) break
        const payment = await copy.payNext(signal)
        if (!payment) break
        left -= payment.msat
        this.#listener.paid(copy, payment)
      }
      await experiences.good(identity)
      return copy
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof BushelError) || isOurs(error)) throw error
      if (isRouteMissing(error) && copy.lease.state === LEASE.STORED) {
        const until = new Date(copy.paidUntil).toISOString()
        this.#listener.note(
          `provider ${copy.name} cannot be paid now (${error.message}); its copy is kept, paid until ${until}, and \`bushel up\` pays on`
        )
        return copy
      }
      await this.#blame(identity, error)
      const { paidMsat, inFlightMsat } = this.#context.payments.ledger.totals(copy.id)
      // A silent provider is asked for its debt later, so that the next offer need not wait.
      await copy.giveUp(error.message, { ask: !isPassing(error) })
      const paid = paidMsat > 0n ? `${formatAmount(paidMsat)} were paid to it` : 'nothing was paid to it'
      const limbo = inFlightMsat > 0n ? `, ${formatAmount(inFlightMsat)} are still in flight` : ''
      this.#listener.note(`provider ${copy.name} failed: ${error.message}; ${paid}${limbo}`)
      return this.#replace(signal)
    }
  }

  /** Replaces a failed provider by the next offer, if there is one. */
  async #replace(signal: AbortSignal): Promise<BuyerLease | null> {
    const copy = await this.#mutex.run(() => this.#nextCopy(signal))
    if (!copy) return null
    this.#listener.note(`using the next offer, of provider ${copy.name}`)
    return this.#keepUp(copy, signal)
  }

  async #nextCopy(signal: AbortSignal): Promise<BuyerLease | null> {
    let copy: BuyerLease | undefined
    try {
      for (;;) {
        while (!copy) [copy] = await this.#agree(1, this.#standing(), signal)
        if (await this.#reaches(copy)) return copy
        copy = undefined
      }
    } catch (error) {
      if (copy) await copy.void('the provider could not be paid')
      if (error instanceof BushelError && error.code === 'NO_OFFER') return null
      throw error
    }
  }

  #passOver(device: Buffer, error: unknown): void {
    this.#listener.note(
      `skipped the offer of ${shortKey(device)}: ${error instanceof Error ? error.message : String(error)}`
    )
  }

  /** Records a fault of the peer in its experience; passing trouble is not recorded. */
  async #blame(identity: Buffer, error: unknown): Promise<void> {
    if (isBlamed(error)) await this.#context.experiences.bad(identity, error.message)
  }

  #noOffer(standing: number): BushelError {
    const away = this.#away.size
    const silent = away > 0 ? `; ${away} devices could not be reached` : ''
    return new BushelError(
      'NO_OFFER',
      `no more offers fit: providers agreed to ${standing} of ${this.#job.copies} copies${silent}`,
      'nothing was paid; raise --max-price, ask for fewer --copies, or see the offers with: bushel book'
    )
  }

  #short(kept: BuyerLease[]): BushelError {
    const ids = kept.map(copy => idOf(copy.lease).slice(0, 8)).join(', ')
    return new BushelError(
      'COPIES_SHORT',
      `${kept.length} of ${this.#job.copies} copies are kept${ids ? ` (leases ${ids})` : ''}; no more offers fit`,
      'run the same command again to find providers for the rest' +
        (ids ? `; the link works: ${this.#job.link}` : '')
    )
  }
}

/** First installment that this buyer wishes, msat: more from a provider with which it has had good experiences. */
export function firstInstallmentFor(experiences: Pick<Experiences, 'of'>, identity: Buffer): bigint {
  const good = experiences.of(identity)?.good ?? 0
  return INSTALLMENT_START * 2n ** BigInt(Math.min(Math.floor(good / 10), MAX_START_DOUBLINGS))
}

/** The buyer's prices, which are 0 on disk when it named none. */
export function pricesOf({ offer, maxPrice }: Pick<MirrorJob, 'offer' | 'maxPrice'>): Prices {
  return { offer: offer || null, maxPrice: maxPrice || null }
}

function noBalance(due: bigint, spendable: bigint): BushelError {
  return new BushelError(
    'NO_BALANCE',
    `this costs ${formatAmount(due)}, and ${formatAmount(spendable)} can be spent`,
    'nothing was paid; ask for fewer copies, less time, or a smaller --prepay-max'
  )
}
