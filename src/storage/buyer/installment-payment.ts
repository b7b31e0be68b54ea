import type { Countersign, Lease, Reissue } from '#spec'
import { BushelError } from '../../../contracts/errors/error.js'
import type { Msat } from '../../../contracts/money/money.js'
import { verify } from '../../../contracts/keys/signature.js'
import { faultOfList } from '../../../contracts/terms.js'
import type { DealChannel } from '../../deal/channel.js'
import type { Debts } from '../../payment/debts.js'
import type { Payment } from '../../payment/ledger.js'
import { isSettled } from '../../payment/ledger.js'
import type { Teller } from '../../payment/payments.js'
import { stripOf } from '../lease/leases.js'
import type { Leases } from '../lease/leases.js'
import { whenBack } from './own-wallet.js'
import type { Patience } from '../lease/timeouts.js'

/** What only an embedded wallet knows: payments whose channel is gone, which only the payee can tell of. */
export interface Orphans {
  isOrphan(hash: Buffer): Promise<boolean>
  /** The payee's word: the preimage, or null when it has refused the hash for good. */
  resolve(hash: Buffer, preimage: Buffer | null): Promise<void>
}

export interface PayingContext {
  teller: Teller
  leases: Leases
  debts: Debts
  orphans?: Orphans
}

/** How one slice of a buyer's lease gets settled: listed, bound, paid or credited, given another hash, and told of. */
export class SlicePayment {
  readonly #context: PayingContext
  readonly #patience: Patience
  readonly #id: Buffer
  readonly #lie: (why: string) => BushelError

  constructor(context: PayingContext, id: Buffer, patience: Patience, lie: (why: string) => BushelError) {
    this.#context = context
    this.#id = id
    this.#patience = patience
    this.#lie = lie
  }

  get #lease(): Lease {
    return this.#context.leases.get('buyer', this.#id)!
  }

  get #soon(): { timeoutMs: number } {
    return { timeoutMs: this.#patience.answer }
  }

  /** The strip of a signed list: what is intended is on disk before it is asked for. */
  async strip(channel: DealChannel, { list }: Countersign, from: number): Promise<void> {
    const { teller } = this.#context
    const { identity, lightning } = this.#lease.terms.provider
    await teller.intend(list, identity)
    const { invoices } = await channel.request('strip', { agreement: this.#id, from }, this.#soon)
    await teller.bind(list, invoices, lightning!, identity)
  }

  /** The list and strip that hold an epoch, asked for when they are not here yet. */
  async list(channel: DealChannel, epoch: number): Promise<void> {
    const { leases, teller } = this.#context
    const known = teller.ledger.payment(this.#id, epoch)
    if (known && known.step !== 'intent') return
    const from = stripOf(epoch)
    const { terms } = this.#lease
    let countersign = leases.strip('buyer', this.#id, from)
    if (!countersign) {
      countersign = await channel.request('topup', { agreement: this.#id, from }, this.#soon)
      const fault = faultOfList(countersign.list, terms, from)
      if (fault) throw this.#lie(`its list of payments is wrong: ${fault}`)
      if (!verify('slice-list', countersign.list, countersign.signature, terms.provider.device))
        throw this.#lie('its list of payments is not signed')
      await leases.saveList('buyer', this.#id, from, countersign)
    }
    await this.strip(channel, countersign, from)
  }

  /** Settles a slice, once: from what the provider owes us, or over Lightning. A wallet that is away is waited for. */
  pay(epoch: number, open: () => Promise<DealChannel>, signal?: AbortSignal): Promise<Payment> {
    return whenBack(() => this.#pay(epoch, open), this.#patience.wallet, signal)
  }

  async #pay(epoch: number, open: () => Promise<DealChannel>): Promise<Payment> {
    const credited = await this.#fromDebt(epoch, open)
    if (credited) return credited
    try {
      return await this.#send(epoch)
    } catch (error) {
      if (await this.#neverLeft(epoch, error)) return this.#send(epoch)
      if (!(await this.#isOver(epoch, error))) throw error
      await this.#renew(await open(), epoch, error)
      return this.#send(epoch)
    }
  }

  /** Nothing leaves for a lease that was given up while its payment was made ready. */
  async #send(epoch: number): Promise<Payment> {
    if (GIVEN_UP.has(this.#lease.state))
      throw BushelError.failed('the lease was given up meanwhile', 'nothing was paid', 'LAPSED')
    return this.#context.teller.pay(this.#id, epoch, this.#patience.payment)
  }

  /** True when a wallet that did not answer turns out to know nothing of the payment. One that is away says so. */
  async #neverLeft(epoch: number, error: unknown): Promise<boolean> {
    if (!(error instanceof BushelError) || error.code !== 'PAYMENT_PENDING') return false
    return (await this.#context.teller.voidable(this.#id, epoch)) !== null
  }

  /** True when the hash can never be paid, by our wallet's word: its invoice has run out, or its channel is gone. */
  async #isOver(epoch: number, error: unknown): Promise<boolean> {
    if (!(error instanceof BushelError)) return false
    if (error.code === 'PAYMENT_PENDING') {
      const { hash } = this.#context.teller.ledger.payment(this.#id, epoch)!
      return (await this.#context.orphans?.isOrphan(hash)) ?? false
    }
    return OVER.has(error.code)
  }

  /** The old hash is given up by both before a new one is bound; a payment that had settled after all is learned of. */
  async #renew(channel: DealChannel, epoch: number, failure: unknown): Promise<void> {
    const { teller, leases, orphans } = this.#context
    const old = teller.ledger.payment(this.#id, epoch)!
    if (old.step !== 'sent' && !(await teller.voidable(this.#id, epoch))) return
    const voided = { agreement: this.#id, epoch, hash: old.hash }
    const answer = await channel.request('void', voided, this.#soon).catch((error: unknown) => {
      // One that gives no other hash leaves it at the failure that there was.
      throw error instanceof BushelError && error.code === 'SLICE_REFUSED' ? failure : error
    })
    if (answer.preimage) {
      await orphans?.resolve(old.hash, answer.preimage)
      await teller.learned(this.#id, epoch, answer.preimage)
      return
    }
    const { slice, invoice } = this.#checked(answer, old)
    await orphans?.resolve(old.hash, null)
    await leases.saveReissue(slice.hash, answer)
    await teller.rebind(slice, invoice, this.#lease.terms.provider.lightning!, this.#id)
  }

  #checked(
    { void: voided, countersign, invoice }: Reissue,
    old: Payment
  ): { slice: Countersign['list']['slices'][number]; invoice: string } {
    const { device } = this.#lease.terms.provider
    const same =
      voided &&
      voided.void.hash.equals(old.hash) &&
      voided.void.epoch === old.epoch &&
      voided.void.agreement.equals(this.#id)
    if (!same || !verify('void', voided.void, voided.signature, device))
      throw this.#lie('it does not sign that the old hash is void')
    const slice = countersign?.list.slices[0]
    const fits =
      slice &&
      countersign.list.slices.length === 1 &&
      countersign.list.agreement.equals(this.#id) &&
      slice.epoch === old.epoch &&
      slice.msat === old.msat &&
      slice.issue > old.issue &&
      !slice.hash.equals(old.hash)
    if (!fits || !verify('slice-list', countersign.list, countersign.signature, device))
      throw this.#lie('its new hash is not of the slice that was agreed')
    if (!invoice) throw this.#lie('it sends no invoice for the new hash')
    return { slice, invoice }
  }

  /** Settles the slice from a debt of this provider that covers it; null when there is none, or it does not agree. */
  async #fromDebt(epoch: number, open: () => Promise<DealChannel>): Promise<Payment | null> {
    const { teller, debts } = this.#context
    const slice = teller.ledger.payment(this.#id, epoch)
    if (!slice || isSettled(slice.step) || slice.step === 'sent') return null
    if (!debts.asked(slice.hash)) {
      const debt = this.#covering(slice.msat)
      if (!debt || !(await debts.ask(slice, debt))) return null
    }
    return this.#credit(await open(), slice)
  }

  /** The agreement of a debt of this provider of which so much is left. */
  #covering(msat: bigint): Buffer | null {
    const { identity, device } = this.#lease.terms.provider
    for (const { debt, leftMsat } of this.#context.debts.open('creditor', identity)) {
      const { agreement } = debt.debt
      const theirs = this.#context.leases.get('buyer', agreement)?.terms.provider.device
      if (leftMsat >= msat && theirs?.equals(device)) return agreement
    }
    return null
  }

  /** Asks for what was asked before until there is an answer: one that was lost may have been a yes. */
  async #credit(channel: DealChannel, { epoch, hash }: Payment): Promise<Payment | null> {
    const { teller, debts } = this.#context
    const debt = debts.asked(hash)!
    try {
      await channel.request('credit', { agreement: this.#id, epoch, debt }, this.#soon)
    } catch (error) {
      if (!(error instanceof BushelError) || UNANSWERED.has(error.code)) throw error
      await debts.answered(hash)
      if (error.code !== 'CREDIT') throw error
      return null
    }
    const payment = await teller.credited(this.#id, epoch, debt)
    await debts.answered(hash)
    return payment
  }

  /** What the provider can have settled at the most, msat: from a debt, or over Lightning. */
  get mostMsat(): Msat {
    const { teller, debts } = this.#context
    return teller.ledger
      .payments(this.#id)
      .filter(({ step, hash }) => isSettled(step) || step === 'sent' || debts.asked(hash))
      .reduce((sum, { msat }) => sum + msat, 0n)
  }

  /** True while the provider may have settled a slice that is not settled here: from a debt, or over Lightning. */
  get isOpen(): boolean {
    const { teller, debts } = this.#context
    const { ledger } = teller
    const asked = ledger.payments(this.#id).some(({ hash }) => debts.asked(hash))
    return asked || teller.isPaying(this.#id) || ledger.totals(this.#id).inFlightMsat > 0n
  }

  /** What the provider was asked to settle from a debt and has not answered for is asked again. */
  async resolve(channel: DealChannel): Promise<void> {
    for (const payment of this.#context.teller.ledger.payments(this.#id)) {
      if (!this.#context.debts.asked(payment.hash)) continue
      if (isSettled(payment.step)) await this.#context.debts.answered(payment.hash)
      else await this.#credit(channel, payment).catch(unlessDeclined)
    }
  }

  /** Tells the provider of what is settled here and not acknowledged yet; gives the egress that it has counted. */
  async tell(channel: DealChannel): Promise<number | null> {
    const { teller } = this.#context
    let egress: number | null = null
    for (const payment of teller.ledger.payments(this.#id)) {
      if (payment.step !== 'paid' && payment.step !== 'applied') continue
      const { epoch, preimage } = payment
      if (!preimage) continue // taken over or credited: the provider knows of it
      const answer = await channel.request('paid', { agreement: this.#id, epoch, preimage }, this.#soon)
      teller.acknowledged(this.#id, epoch)
      egress = answer.egressBytes ?? egress
    }
    return egress
  }
}

const GIVEN_UP = new Set(['LAPSING', 'ENDED', 'VOID'])
const OVER = new Set(['INVOICE_EXPIRED', 'PAYMENT_FAILED'])
/** What an answer that never came leaves open. */
const UNANSWERED = new Set(['PEER_GONE', 'PEER_UNREACHABLE', 'TIMEOUT', 'MALFORMED'])

function unlessDeclined(error: unknown): void {
  if (!(error instanceof BushelError) || UNANSWERED.has(error.code)) throw error
}
