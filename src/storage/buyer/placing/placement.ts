import type { MirrorJob, Terms } from '#spec'
import { parseLink } from '../../../../contracts/keys/link.js'
import { readKeyPair } from '../../../../contracts/keys/read-key.js'
import { BushelError, isOurs } from '../../../../contracts/errors/error.js'
import { formatAmount } from '../../../../contracts/money/money.js'
import { amountsIn, planInstallments } from '../../../../contracts/money/installments.js'
import type { Clock } from '../../../base/clock.js'
import { Mutex } from '../../../base/mutex.js'
import type { DealChannel } from '../../../deal/channel.js'
import { doneOrReplaced } from '../../../deal/sellers/spare.js'
import type { Replaced } from '../../../deal/sellers/spare.js'
import { firstAnswers } from '../../../deal/sellers/dialling.js'
import type { PlannedSpending } from '../../../payment/limits.js'
import { BuyerLease } from '../buyer-lease.js'
import type { BuyerLeaseContext, UploadSource } from '../buyer-lease.js'
import { LEASE, isGivenUp } from '../../lease/lease-state.js'
import { planOfTerms, termsOf } from '../lease-terms.js'
import type { LeaseQuote, SignedTerms } from '../lease-terms.js'
import { aheadIn } from './ahead.js'
import { SellerSearch } from './seller-search.js'
import type { BookedAsk, Plan, SearchContext } from './seller-search.js'
import { idOf } from '../../lease/leases.js'
import { isRouteMissing, whenBack } from '../own-wallet.js'
import { isPassing } from '../passing.js'
import { TIMEOUTS } from '../../lease/timeouts.js'

export interface PlacementContext extends BuyerLeaseContext, SearchContext {
  spendable(): Promise<bigint>
  saveJob(job: MirrorJob): Promise<void>
  clock?: Clock
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

/** What forbids to agree with one more seller than there are copies. */
const BEYOND: ReadonlySet<string> = new Set(['OVER_LIMIT', 'NO_BALANCE'])
/**
 * Finds a provider of a different identity for each copy of a packed drive. All agreements are signed and all Lightning
 * peers are reachable before the first payment; a provider that fails later is replaced by the next offer.
 */
export class Placement {
  readonly #context: PlacementContext
  readonly #listener: PlacementListener
  readonly #plan: Plan
  readonly #sellers: SellerSearch
  /** Once the drive is packed. */
  #packed: { job: MirrorJob; goods: UploadSource | null } | null = null
  /** Identities of which no copy is bought. */
  #avoided: readonly Buffer[] = []
  /** Serializes replacements, so that two do not take the same offer. */
  readonly #mutex = new Mutex()

  constructor(context: PlacementContext, plan: Plan, listener: PlacementListener) {
    this.#context = context
    this.#plan = plan
    this.#listener = listener
    this.#sellers = new SellerSearch(context, plan, message => listener.note(message))
  }

  get #job(): MirrorJob {
    return this.#packed!.job
  }

  /**
   * Asks for quotes until there are enough for all copies, and agrees to none. Rejects with NO_OFFER when there are not. Those
   * who have no quote are not asked again in `run`.
   */
  async seek(signal: AbortSignal): Promise<void> {
    const found: BookedAsk[] = []
    const { grace: graceMs } = this.#context.timeouts ?? TIMEOUTS
    const quote = async (ask: BookedAsk, wanted: AbortSignal): Promise<BookedAsk | null> =>
      (await this.#sellers.quote(ask, signal, wanted)) && ask
    while (found.length < this.#plan.copies) {
      const taken = found.map(({ identity }) => identity)
      const enough = this.#plan.copies - found.length
      const asked = await this.#sellers.answering(enough, taken, signal)
      if (asked.length === 0) throw this.#sellers.noOffer(found.length)
      const answered = await firstAnswers(asked, quote, { enough, graceMs, signal })
      this.#sellers.leaveSlow(
        asked,
        answered.slice(0, enough).map(({ id }) => id)
      )
      found.push(...answered)
    }
  }

  /** Rejects with NO_OFFER when nothing was paid, with COPIES_SHORT when only some of the copies were placed. */
  async run(job: MirrorJob, goods: UploadSource, signal: AbortSignal): Promise<BuyerLease[]> {
    this.#packed = { job, goods }
    this.#sellers.cores = job.cores
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

  /** An agreement for one more copy of a mirror that is kept, with an identity that is not `avoided`; null: no offer fits. */
  another(job: MirrorJob, avoided: readonly Buffer[], signal: AbortSignal): Promise<BuyerLease | null> {
    this.#packed = { job, goods: null }
    this.#avoided = avoided
    return this.#mutex.run(() => this.#nextCopy(signal))
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
      .filter(({ lease }) => !isGivenUp(lease) && lease.state !== LEASE.NEXT)
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
        const due = copies.reduce((sum, copy) => sum + copy.aheadMsat(aheadIn(this.#plan)), 0n)
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
      return await copy.reach(copy.aheadMsat(aheadIn(this.#plan)))
    } catch (error) {
      if (!(error instanceof BushelError) || isOurs(error)) throw error
      await copy.leave(`the buyer cannot pay it: ${error.message}`)
      this.#sellers.passOver(copy.provider, error)
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
      this.#sellers.passOver(channel.device, error)
      return false
    }
  }

  #planOf(terms: Terms, paidMsat = 0n): PlannedSpending {
    const { limits } = this.#context.payments
    const servedMs = this.#context.leases.servedBy(terms.provider.device!)
    const how = { ahead: aheadIn(this.#plan), servedMs, paidMsat }
    return planOfTerms(terms, how, amounts => limits.feesOf(amounts))
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

  /** Makes agreements with up to `count` more identities; rejects with NO_OFFER when no provider is left to ask. */
  async #agree(count: number, copies: readonly BuyerLease[], signal: AbortSignal): Promise<BuyerLease[]> {
    const taken = [...this.#avoided, ...copies.map(copy => copy.lease.terms.provider.identity!)]
    const asked = await this.#sellers.answering(count, taken, signal)
    if (asked.length === 0) throw this.#sellers.noOffer(copies.length)
    const quote = async (ask: BookedAsk, wanted: AbortSignal): Promise<AgreementDraft | null> => {
      const quoted = await this.#sellers.quote(ask, signal, wanted)
      return quoted && this.#draft(ask, quoted)
    }
    const { grace: graceMs } = this.#context.timeouts ?? TIMEOUTS
    const drafts = await firstAnswers(asked, quote, { enough: count, graceMs, signal })
    this.#sellers.leaveSlow(
      asked,
      drafts.slice(0, count).map(({ ask }) => ask)
    )
    const agreed: BuyerLease[] = []
    try {
      for (const [i, draft] of drafts.entries()) {
        const missing = count - agreed.length
        if (missing === 0) break
        this.#demandLimits([...copies, ...agreed], drafts.slice(i, i + missing))
        this.#sellers.tried(draft.ask)
        const copy = (await this.#canPay(draft)) ? await this.#sign(draft) : null
        if (copy) agreed.push(copy)
      }
    } catch (error) {
      for (const copy of agreed) await copy.void('not all providers agreed')
      throw error
    }
    return agreed
  }

  /** The terms of a quote; null when the seller cannot have meant them. */
  async #draft(ask: BookedAsk, quoted: LeaseQuote): Promise<AgreementDraft | null> {
    const { cores, link } = this.#job
    const { publicKey: readKey } = readKeyPair(parseLink(link).encryptionKey)
    try {
      const agree = termsOf(this.#context.deals, quoted, { cores, readKey })
      return { channel: quoted.channel, ask: ask.id, agree }
    } catch (error) {
      if (isOurs(error)) throw error
      await this.#sellers.skip(ask, error)
      return null
    }
  }

  async #sign({ channel, agree }: AgreementDraft): Promise<BuyerLease | null> {
    try {
      const copy = await BuyerLease.agree(this.#context, channel, agree, this.#job.link)
      const packed = this.#packed!
      packed.job = { ...packed.job, agreements: [...packed.job.agreements, copy.id] }
      await this.#context.saveJob(packed.job)
      return copy
    } catch (error) {
      if (isOurs(error)) throw error
      await this.#context.experiences.failed(channel.peer!, error)
      this.#sellers.passOver(channel.device, error)
      return null
    }
  }

  /** Pays and uploads a copy up to its last payment in advance; null when its provider failed. */
  async #keepUp(copy: BuyerLease, signal: AbortSignal): Promise<BuyerLease | null> {
    let replaced: Replaced<BuyerLease> | null
    try {
      const isFresh = copy.paidInstallments === 0
      if (isFresh || copy.lease.state === LEASE.BOUND) {
        const payment = await copy.commit(signal)
        if (isFresh) this.#listener.paid(copy, payment)
      }
      replaced = await this.#uploadedOrReplaced(copy, signal)
      if (!replaced) {
        await copy.payAhead(aheadIn(this.#plan), signal, payment => this.#listener.paid(copy, payment))
        await this.#context.experiences.good(copy.lease.terms.provider.identity)
        return copy
      }
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
      await this.#giveUp(copy, error)
      return this.#replace(signal)
    }
    await this.#giveUp(copy, replaced.error)
    return this.#replace(signal, replaced.by)
  }

  /** Ends the lease of a provider that failed, and tells what that cost. */
  async #giveUp(copy: BuyerLease, error: BushelError): Promise<void> {
    const { experiences, payments } = this.#context
    await experiences.failed({ identity: copy.lease.terms.provider.identity, device: copy.provider }, error)
    const { paidMsat, inFlightMsat } = payments.ledger.totals(copy.id)
    // A silent provider is asked for its debt later, so that the next offer need not wait.
    await copy.giveUp(error.message, { ask: !isPassing(error) })
    const paid = paidMsat > 0n ? `${formatAmount(paidMsat)} were paid to it` : 'nothing was paid to it'
    const limbo = inFlightMsat > 0n ? `, ${formatAmount(inFlightMsat)} are still in flight` : ''
    this.#listener.note(
      `provider ${copy.name} failed: ${copy.lease.reason ?? error.message}; ${paid}${limbo}`
    )
  }

  /** The agreement with a provider that takes over from one that falls silent; null once all is uploaded. */
  #uploadedOrReplaced(copy: BuyerLease, signal: AbortSignal): Promise<Replaced<BuyerLease> | null> {
    const { timeouts = TIMEOUTS, clock } = this.#context
    const bytes = (here: number): void => this.#listener.uploaded(copy, here)
    const note = (message: string): void => this.#listener.note(message)
    const upload = (stop: AbortSignal, answer: () => void): Promise<void> =>
      copy.upload(this.#packed!.goods!, { bytes, note, answer }, stop)
    return doneOrReplaced(upload, {
      ...{ name: copy.name, signal, silentMs: timeouts.spare, clock },
      agree: () => this.#spare(signal),
      drop: async one => void (await one.void('the first provider answered again'))
    })
  }

  /** An agreement in the place of one whose provider is silent; null when there is none within balance and limits. */
  async #spare(signal: AbortSignal): Promise<BuyerLease | null> {
    try {
      return await this.#mutex.run(() => this.#nextCopy(signal))
    } catch (error) {
      if (error instanceof BushelError && BEYOND.has(error.code)) return null
      throw error
    }
  }

  /** Replaces a failed provider by a spare or by the next offer, if there is one. */
  async #replace(signal: AbortSignal, spare: BuyerLease | null = null): Promise<BuyerLease | null> {
    const copy = spare ?? (await this.#mutex.run(() => this.#nextCopy(signal)))
    if (!copy) return null
    this.#listener.note(`using the next offer, of provider ${copy.name}`)
    return this.#keepUp(copy, signal)
  }

  async #nextCopy(signal: AbortSignal): Promise<BuyerLease | null> {
    let copy: BuyerLease | undefined
    try {
      for (;;) {
        while (!copy) [copy] = await this.#agree(1, this.#standing(), signal)
        if ((await this.#reaches(copy)) !== null) return copy
        copy = undefined
      }
    } catch (error) {
      if (copy) await copy.void('the provider could not be paid')
      if (error instanceof BushelError && error.code === 'NO_OFFER') return null
      throw error
    }
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

function noBalance(due: bigint, spendable: bigint): BushelError {
  return new BushelError(
    'NO_BALANCE',
    `this costs ${formatAmount(due)}, and ${formatAmount(spendable)} can be spent`,
    'nothing was paid; ask for fewer copies, less time, or a smaller --prepay-max'
  )
}
