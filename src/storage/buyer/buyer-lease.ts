import type { Lease, Notice, SignedCounter, SignedDebt, SignedQuote } from '#spec'
import { hashOf } from '../../../contracts/schema/codec.js'
import { BushelError, isOurs } from '../../../contracts/errors/error.js'
import { shortKey } from '../../../contracts/keys/key.js'
import { aheadOf, amountsIn, chargeOf } from '../../../contracts/money/installments.js'
import { formatAmount } from '../../../contracts/money/money.js'
import { consumedMsat } from '../../../contracts/money/refund.js'
import { sign, verify } from '../../../contracts/keys/signature.js'
import { MAX_CLOCK_SKEW, agreementId } from '../../../contracts/terms.js'
import type { DealChannel } from '../../deal/channel.js'
import { isDeclined, unlessDeclined } from '../../deal/decline.js'
import type { Deals } from '../../deal/deals.js'
import type { Payment } from '../../payment/ledger.js'
import type { Change } from '../../store/change.js'
import { LEASE, isOver, isSealed } from '../lease/lease-state.js'
import { ENDED_BY_OWNER, SERVED, atRiskOf, installmentsOf, idOf, paidUntil } from '../lease/leases.js'
import { accountsOf, claimsTooMuch } from '../lease/egress.js'
import type { EgressAccounts } from '../lease/egress.js'
import { whenBack } from './own-wallet.js'
import { pause } from '../../base/timeouts.js'
import { isGone, isLost, isPassing } from './passing.js'
import { TIMEOUTS } from '../lease/timeouts.js'
import type { Timeouts } from '../lease/timeouts.js'
import { requestCountersign } from './lease-terms.js'
import type { SignedTerms } from './lease-terms.js'
import { InstallmentPayment } from './installment-payment.js'
import type { PayingContext } from './installment-payment.js'
import { aheadShare } from './placing/ahead.js'
import type { Ahead } from './placing/ahead.js'
import { CopyAudits } from './upkeep/copy-audits.js'
import type { Tokens } from './upkeep/tokens.js'
import type { Taking } from '../takeover/taking.js'
import { Upload } from './upload.js'
import type { UploadListener, UploadSource } from './upload.js'

export type { UploadSource } from './upload.js'

export interface BuyerLeaseContext extends PayingContext {
  deals: Deals
  now: () => number
  timeouts?: Timeouts
  /** Tokens for the daily audits; without them random blocks are asked for. */
  tokens?: Tokens
  /** What this device takes over from earlier ones of its owner; without it nothing. */
  taking?: Pick<Taking, 'ask' | 'demandHere' | 'isLeft'>
}

const ATTEMPTS = 3
/** Why a lease ends with the one that it follows. */
const AFTER_END = 'the lease before it is over'
/** ms before an interrupted step is tried again. */
const RETRY = 250

/**
 * The lease of one copy with one provider, from the signed terms to the last payment. Each step starts from the record on
 * disk, so that after a kill the same calls go on where they stopped.
 */
export class BuyerLease {
  readonly id: Buffer
  readonly #context: BuyerLeaseContext
  readonly #installments: InstallmentPayment
  readonly #audits: CopyAudits

  constructor(context: BuyerLeaseContext, id: Buffer) {
    this.#context = context
    this.id = id
    const lie = (why: string): BushelError => this.#lie(why)
    this.#installments = new InstallmentPayment(context, id, this.#timeouts, lie)
    this.#audits = new CopyAudits(context, id, {
      timeouts: this.#timeouts,
      paidUntil: () => this.paidUntil,
      lie
    })
  }

  /** Makes the agreement: sends signed terms, checks the countersignature and binds the strip. Nothing is paid. */
  static async agree(
    context: BuyerLeaseContext,
    channel: DealChannel,
    agree: SignedTerms,
    link: string
  ): Promise<BuyerLease> {
    const id = agreementId(agree.terms)
    const lease: Lease = {
      role: 'buyer',
      state: LEASE.AGREED,
      created: context.now(),
      committed: 0,
      start: 0,
      terms: agree.terms,
      signature: agree.signature,
      link
    }
    await context.leases.save(lease)
    const copy = new BuyerLease(context, id)
    try {
      await copy.bind(channel, agree.quote)
    } catch (error) {
      await copy.void(error instanceof Error ? error.message : String(error))
      throw error
    }
    return copy
  }

  get lease(): Lease {
    return this.#context.leases.get('buyer', this.id)!
  }

  get provider(): Buffer {
    return this.lease.terms.provider.device
  }

  get name(): string {
    return shortKey(this.provider)
  }

  get #timeouts(): Timeouts {
    return this.#context.timeouts ?? TIMEOUTS
  }

  get #soon(): { timeoutMs: number } {
    return { timeoutMs: this.#timeouts.answer }
  }

  get installments(): number {
    return installmentsOf(this.lease).length
  }

  get paidInstallments(): number {
    return this.#context.payments.ledger.contiguous(this.id)
  }

  get paidUntil(): number {
    return paidUntil(this.lease, this.paidInstallments)
  }

  /** Amount of the next installment, msat; null when all are paid. */
  get nextMsat(): bigint | null {
    return installmentsOf(this.lease)[this.paidInstallments]?.msat ?? null
  }

  get chargeMsat(): bigint {
    return chargeOf(this.lease.terms)
  }

  /** What is left to pay of it, msat. */
  get restMsat(): bigint {
    return this.chargeMsat - this.#context.payments.ledger.totals(this.id).paidMsat
  }

  /** Paid and not served yet, msat. */
  get atRiskMsat(): bigint {
    return atRiskOf(this.lease, this.paidInstallments, this.#context.now())
  }

  async bind(channel: DealChannel, quote: SignedQuote): Promise<void> {
    const { leases } = this.#context
    const { lease } = this
    if (lease.state !== LEASE.AGREED) return
    const agree = { terms: lease.terms, signature: lease.signature, quote }
    // Retried over a new connection when one breaks: a repeated request gets the same answer.
    const ask = <T>(step: (open: DealChannel) => Promise<T>): Promise<T> =>
      this.#again(async () => step(channel.closing ? await this.channel() : channel), isGone)
    const countersign = await ask(open => requestCountersign(open, agree, this.#timeouts.answer))
    const bound = (): Change[] => {
      const { lease } = this
      // The lease may have been given up meanwhile.
      return lease.state === LEASE.AGREED ? [leases.change({ ...lease, state: LEASE.BOUND })] : []
    }
    await ask(open => {
      const listed = [leases.change({ ...this.lease, countersign })]
      return this.#installments.strip(open, countersign, 0, { listed, bound })
    })
  }

  /** Makes sure that `msat` can be paid to the provider's Lightning node; resolves to the fees to expect, msat. */
  async reach(msat: bigint): Promise<bigint> {
    const { reach, wallet } = this.#timeouts
    const { lightning } = this.lease.terms.provider
    const { payments } = this.#context
    const invoice = payments.ledger.payment(this.id, this.paidInstallments)?.text
    const amounts = amountsIn(installmentsOf(this.lease).slice(this.paidInstallments), msat)
    const options = { amounts, ...(invoice ? { invoice } : {}) }
    return whenBack(() => payments.reach(lightning!, msat, reach, options), wallet)
  }

  /** Pays the first installment: from here on the agreement binds. */
  async commit(signal?: AbortSignal): Promise<Payment> {
    const { leases, payments, now } = this.#context
    if (now() > this.lease.terms.startBy && this.paidInstallments === 0) {
      await this.giveUp('the first payment was not made in time')
      throw new BushelError('LAPSED', `the agreement with ${this.name} has expired`, 'nothing was paid')
    }
    const payment = await this.#again(
      () => this.#installments.pay(0, () => this.channel(signal), signal),
      isLost
    )
    if (this.lease.state === LEASE.BOUND) {
      await leases.save({ ...this.lease, state: LEASE.ACTIVE, committed: now() })
    }
    payments.applied(payment)
    try {
      await this.#installments.tell(await this.channel())
    } catch (error) {
      // The provider's own wallet reports the payment too, and the next payment announces it again.
      if (!isPassing(error)) throw error
    }
    return payment
  }

  /** Uploads all blocks, seals, and resolves with the provider's receipt. */
  async upload(goods: UploadSource, listener: UploadListener, signal: AbortSignal): Promise<void> {
    const { id, provider, name } = this
    const upload = new Upload({
      context: this.#context,
      id,
      provider,
      name,
      timeouts: this.#timeouts,
      channel: signal => this.channel(signal),
      tell: channel => this.#installments.tell(channel),
      lie: why => this.#lie(why)
    })
    await this.#unlessDenied(upload.run(goods, listener, signal))
  }

  /** Audits, then pays the next installment. Null when all are paid. */
  async payNext(signal: AbortSignal): Promise<Payment | null> {
    const installment = this.paidInstallments
    if (installment >= this.installments) return null
    if (isSealed(this.lease)) await this.#audits.open()
    const paying = this.#persist(async channel => {
      // Announces earlier payments first: a provider that does not answer is paid no more.
      await this.#installments.tell(channel)
      await this.#installments.list(channel, installment, { mayLack: this.#isTakenOver })
      await this.audit(channel, signal)
      if (this.#isTakenOver) {
        await this.#installments.renewKnown(channel, installment)
        // Another node has paid so far: there may be no channel to the provider yet.
        if (this.nextMsat !== null) await this.reach(this.nextMsat)
      }
      const payment = await this.#installments.pay(installment, () => this.channel(signal), signal)
      this.#context.payments.applied(payment)
      const egress = await this.#installments.tell(channel)
      await this.#count(channel, egress)
      return payment
    }, signal)
    return this.#unlessDenied(paying)
  }

  /** Whether an earlier device of the owner has agreed to it. */
  get #isTakenOver(): boolean {
    return !this.lease.terms.buyer.device!.equals(this.#context.deals.self.device.publicKey)
  }

  /** Most that is paid in advance, msat. */
  aheadMsat(ahead: Ahead): bigint {
    const { chargeMsat } = this
    const { terms } = this.lease
    const servedMs = this.#context.leases.servedBy(this.provider)
    return aheadOf(chargeMsat, aheadShare(ahead, { chargeMsat, time: terms.time, servedMs }), terms)
  }

  /** Pays what is paid in advance. Rejects as `payNext` does. */
  async payAhead(
    ahead: Ahead,
    signal: AbortSignal,
    onpaid: (payment: Payment) => void = () => undefined
  ): Promise<void> {
    let left = this.aheadMsat(ahead) - this.#context.payments.ledger.totals(this.id).paidMsat
    for (;;) {
      const next = this.nextMsat
      if (next === null || next > left) return
      const payment = await this.payNext(signal)
      if (!payment) return
      left -= payment.msat
      onpaid(payment)
    }
  }

  /** Pays all installments that are left. Rejects as `payNext` does. */
  async payOut(signal: AbortSignal): Promise<void> {
    while (await this.payNext(signal)) signal.throwIfAborted()
  }

  /** Audits the copy now, by its tokens where it has some; resolves to the samples that were proven. Rejects as `audit` does. */
  async check(signal: AbortSignal): Promise<number> {
    await this.#audits.open({ byTokens: true })
    const channel = await this.#reached(signal)
    const checked = async (): Promise<number> => {
      const samples = await this.audit(channel, signal)
      await this.#askEgress(channel)
      return samples
    }
    return this.#unlessDenied(checked())
  }

  /** See `CopyAudits.hold`. */
  audit(channel: DealChannel, signal: AbortSignal): Promise<number> {
    return this.#audits.hold(channel, signal)
  }

  /** Samples of the open challenge that are to be proven; 0 for none. */
  get challenged(): number {
    return this.#audits.samples
  }

  /** Opens a channel; a provider that cannot be reached, or does not greet in time, is remembered as away. */
  async #reached(signal: AbortSignal): Promise<DealChannel> {
    const { deals } = this.#context
    try {
      return await this.channel(signal)
    } catch (error) {
      if (!signal.aborted && isLost(error) && deals.isOnline && isSealed(this.lease))
        await this.#audits.missed()
      throw error
    }
  }

  /** Asks what was fetched of the copy. A provider that goes away is asked at the next audit. */
  async #askEgress(channel: DealChannel): Promise<void> {
    try {
      const answer = await channel.request('progress', { agreement: this.id }, this.#soon)
      await this.#fetched(accountsOf(answer))
    } catch (error) {
      if (!isPassing(error)) throw error
    }
  }

  /** Keeps what was fetched by the word of the provider, which may not be more than was agreed. */
  async #fetched(accounts: EgressAccounts): Promise<void> {
    if (claimsTooMuch(this.lease.terms, accounts)) throw this.#lie('it claims more egress than was agreed')
    await this.#context.leases.saveEgress(this.id, accounts)
  }

  /** Has both sides sign a counter of payments and service. */
  async #count(channel: DealChannel, egress: EgressAccounts | null): Promise<void> {
    const { deals, leases, payments } = this.#context
    const lease = this.lease
    const now = this.#context.now()
    if (egress) await this.#fetched(egress)
    // Of one that is to begin, nothing is served.
    const served = lease.state === LEASE.NEXT ? now : Math.max(now, lease.start)
    const counter = {
      agreement: this.id,
      n: (lease.counter?.counter.n ?? 0) + 1,
      paidMsat: payments.ledger.totals(this.id).paidMsat,
      servedUntil: Math.min(served, this.paidUntil),
      egressBytes: Math.max(egress?.readers ?? 0, lease.counter?.counter.egressBytes ?? 0)
    }
    const mine: SignedCounter = { counter, buyer: sign('counter', counter, deals.self.device) }
    const both = await channel.request('counter', mine, this.#soon)
    const same = hashOf('counter', both.counter).equals(hashOf('counter', counter))
    if (!same || !both.provider || !verify('counter', counter, both.provider, this.provider)) {
      throw this.#lie('it does not sign the counter')
    }
    await leases.save({ ...this.lease, counter: { ...mine, provider: both.provider } })
  }

  /**
   * Tells the provider that the lease is over, and records the debt that it signs. Rejects with BAD_PEER, when the lease has
   * ended, for a provider that does not sign for all that it certainly owes.
   */
  async end(reason: string): Promise<void> {
    const channel = await this.channel()
    await this.#installments.resolve(channel)
    await this.#installments.tell(channel).catch(unlessDeclined)
    const { debt } = await channel.request(
      'end',
      { agreement: this.id, reason, counter: this.lease.counter ?? null },
      this.#soon
    )
    await this.#over(reason, debt ?? null, this.#context.now()).finally(() => this.#next?.giveUp(AFTER_END))
  }

  /**
   * The provider says that it ended the lease at a time, and what it owes. What cannot be judged without asking it is asked
   * later: the lease is lapsing. On disk when it resolves. Rejects as `end` does.
   */
  async endedBy(reason: string, { debt = null, at }: Pick<Notice, 'debt' | 'at'>): Promise<void> {
    const { lease } = this
    // Who gave it up first has a reason of its own.
    const why = lease.state === LEASE.LAPSING ? (lease.reason ?? reason) : reason
    // From here on nothing more is paid.
    await this.giveUp(why, { ask: false })
    const until = Math.min(at, this.#context.now())
    const isPlain = debt ? this.#holds(debt) : this.#faultOfDebt(0n, until) === null
    if (isOver(this.lease) || !isPlain || this.#installments.isOpen || this.#installments.isUntold) return
    await this.#over(why, debt, until)
  }

  /** Records the end with the signed debt. Rejects, when it is recorded, for a provider that signs for less than it owes. */
  async #over(reason: string, debt: SignedDebt | null, until: number): Promise<void> {
    const { debts, deals } = this.#context
    const { provider } = this.lease.terms
    const holds = debt !== null && this.#holds(debt)
    const owed = holds ? [debts.change('creditor', provider.identity, debt)] : []
    const fault =
      debt && !holds ? 'its signed debt is not valid' : this.#faultOfDebt(debt?.debt.msat ?? 0n, until)
    await deals.store.set(this.#endedChange(fault ? `${reason}; ${fault}` : reason), ...owed)
    if (!fault) return
    await deals.experiences.bad(provider.identity!, fault)
    throw this.#lie(fault)
  }

  #holds({ debt, signature }: SignedDebt): boolean {
    return (
      debt.agreement!.equals(this.id) &&
      debt.msat <= this.#installments.mostMsat &&
      verify('debt', debt, signature!, this.provider)
    )
  }

  /** What is wrong with a debt of `msat` for a lease that was served until a time: both sides compute the same, but for their clocks. */
  #faultOfDebt(msat: bigint, until: number): string | null {
    const { terms, start, committed } = this.lease
    const served = until - (start || committed) + MAX_CLOCK_SKEW
    const paid = this.#installments.acknowledgedMsat
    const owed = paid - consumedMsat(terms, served, paid)
    if (msat >= owed) return null
    return `it owes ${formatAmount(owed)} and signs ${msat > 0n ? `a debt of ${formatAmount(msat)}` : 'no debt'}`
  }

  /**
   * Gives the lease up. It is void when nothing was paid; otherwise the provider's signed debt is requested. While the
   * provider cannot be asked the lease is lapsing, and `giveUp` is to be called again.
   */
  async giveUp(reason: string, { ask = true }: { ask?: boolean } = {}): Promise<void> {
    const { leases } = this.#context
    if (await this.void(reason)) return
    // It may have ended meanwhile; an ended lease stays so.
    if (isOver(this.lease)) return
    await leases.save({ ...this.lease, state: LEASE.LAPSING, reason })
    await this.#next?.giveUp(AFTER_END, { ask })
    if (!ask) return
    try {
      await this.end(reason)
    } catch (error) {
      if (!isPassing(error)) await this.close(reason)
    }
  }

  /** The lease that follows this one. */
  get #next(): BuyerLease | null {
    const next = this.#context.leases.successorOf('buyer', this.id)
    return next && new BuyerLease(this.#context, agreementId(next.terms))
  }

  /** Repeats credit requests that the provider has not answered. */
  async resolve(): Promise<void> {
    await this.#installments.resolve(await this.channel())
  }

  /** Ends the lease on this side, with the one that follows it. */
  async close(reason: string): Promise<void> {
    await this.#context.deals.store.set(this.#endedChange(reason))
    await this.#next?.giveUp(AFTER_END)
  }

  /** Ends the lease, which was paid to its end and served; one that follows begins with the same write. */
  async served(): Promise<void> {
    const { deals, leases } = this.#context
    const next = leases.successorOf('buyer', this.id)
    const begins = next?.state === LEASE.NEXT ? [leases.change({ ...next, state: LEASE.STORED })] : []
    await deals.store.set(this.#endedChange(SERVED), ...begins)
    if (begins.length === 0) await this.#next?.giveUp(AFTER_END)
  }

  /** A lease that is over already keeps its state and its reason. */
  #endedChange(reason: string): Change {
    const { lease } = this
    // Who ends what is lost already has not wished for it.
    const isLost = lease.state === LEASE.LAPSING && reason.startsWith(ENDED_BY_OWNER)
    const why = isLost ? (lease.reason ?? reason) : reason
    const ended = isOver(lease) ? lease : { ...lease, state: LEASE.ENDED, reason: why }
    return this.#context.leases.change(ended)
  }

  /** Voids the lease and tells the provider why, so that it need not wait. */
  async leave(reason: string): Promise<void> {
    const told = async (): Promise<void> => {
      const ended = { agreement: this.id, reason, counter: null }
      await (await this.channel()).request('end', ended, this.#soon)
    }
    await this.void(reason)
    await told().catch((error: unknown) => {
      if (isOurs(error)) throw error
    })
  }

  /**
   * Voids the lease, unless it is over already. False, and nothing is changed, when something was paid or may still turn
   * out to be.
   */
  async void(reason: string): Promise<boolean> {
    if (this.paidInstallments > 0 || this.#installments.isOpen) return false
    if (!isOver(this.lease)) await this.#context.leases.save({ ...this.lease, state: LEASE.VOID, reason })
    return true
  }

  /** Rejects with TAKEN_OVER when another device has the lease. */
  async channel(signal?: AbortSignal): Promise<DealChannel> {
    const { deals, taking } = this.#context
    taking?.demandHere()
    const timeoutMs = this.#timeouts.connect
    const channel = await deals.open(this.provider, { timeoutMs, ...(signal ? { signal } : {}) })
    await taking?.ask(channel)
    return channel
  }

  /** Retries a step over a new connection a few times; a lie or a decline is final. */
  #persist<T>(step: (channel: DealChannel) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#again(async () => step(await this.#reached(signal)), isPassing, signal)
  }

  /** Tries a step up to three times while it fails with passing errors. */
  async #again<T>(
    step: () => Promise<T>,
    passes: (error: unknown) => boolean,
    signal?: AbortSignal
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      try {
        return await step()
      } catch (error) {
        if (!passes(error) || attempt === ATTEMPTS) throw error
        await pause(RETRY * attempt, signal)
      }
    }
  }

  /** A provider that declines a step because nothing was paid, though it has shown the preimage of a payment, lies. */
  async #unlessDenied<T>(step: Promise<T>): Promise<T> {
    try {
      return await step
    } catch (error) {
      if (!isDeclined(error, 'NOT_PAID', 'NO_AGREEMENT') || !this.#installments.isProven) throw error
      throw this.#lie(`it denies what was paid to it: ${error.message}`).withCause(error)
    }
  }

  #lie(why: string): BushelError {
    return new BushelError('BAD_PEER', `${this.name}: ${why} (lease ${idOf(this.lease).slice(0, 8)})`)
  }
}
