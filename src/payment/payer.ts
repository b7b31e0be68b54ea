import type { Slice, SliceList } from '#spec'
import { BushelError } from '../../contracts/errors/error.js'
import { formatAmount } from '../../contracts/money/money.js'
import type { Msat } from '../../contracts/money/money.js'
import { invoiceDescription } from '../../contracts/terms.js'
import type { Draft, Kind, Ledger, Payment } from './ledger.js'
import { isSettled } from './ledger.js'
import type { Limits } from './limits.js'
import { blank, refundDescription, sha256 } from './payee.js'
import { NOT_BY_WALLET } from './payment.js'
import { Sending, alreadyPaid, refused } from './sending.js'
import { Turns } from '../base/mutex.js'
import type { InvoiceCheck, InvoiceReader, InvoiceReading, WalletPort } from './wallet-port.js'

export interface PayerOptions {
  ledger: Ledger
  wallet: WalletPort
  limits: Limits
  checkInvoice: InvoiceCheck
  readInvoice: InvoiceReader
  now: () => number
}

export interface DirectOptions {
  /** Most that the invoice may ask for, msat; whatever it asks for where there is none. */
  maxMsat?: Msat
  timeoutMs?: number
}

/** A debt of ours, and the other side's invoice for it. */
export interface Refund {
  agreement: Buffer
  invoice: string
  msat: Msat
  payee: Buffer
  peer?: Buffer | null
  /** The binding is done within it: whoever keeps the debt looks there whether so much is left. */
  bind?: (work: () => Promise<void>) => Promise<void>
}

const REACH_TIMEOUT = 30_000

/** Pays what we owe: hashes that were listed and signed, invoices that were checked against them, each once. */
export class Payer {
  readonly #options: PayerOptions
  readonly sending: Sending
  readonly #turns = new Turns()

  constructor(options: PayerOptions) {
    this.#options = options
    this.sending = new Sending(options)
  }

  get #ledger(): Ledger {
    return this.#options.ledger
  }

  async intend(list: SliceList, peer: Buffer | null): Promise<void> {
    const fresh = list.slices.filter(slice => !this.#known(list.agreement, slice))
    await this.#ledger.record(...fresh.map(slice => draftOf(list.agreement, slice, peer, 'intent', '')))
  }

  async bind(
    list: SliceList,
    invoices: readonly string[],
    payee: Buffer,
    peer: Buffer | null
  ): Promise<void> {
    const { agreement, slices } = list
    if (invoices.length !== slices.length)
      throw refused(`a strip of ${invoices.length} invoices for ${slices.length} slices`)
    const fresh = slices.flatMap((slice, i) => {
      const known = this.#known(agreement, slice)
      if (known && known.step !== 'intent' && known.step !== 'bound') return []
      const { expiresAt } = this.#check(agreement, slice, invoices[i]!, payee)
      if (known?.step === 'bound') return []
      this.sending.binds(slice.hash, expiresAt)
      return [draftOf(agreement, slice, known?.peer ?? peer, 'bound', invoices[i]!)]
    })
    await this.#ledger.record(...fresh)
  }

  /** The payment of a listed slice, if it is here. Throws for a hash or an amount that does not go with what is. */
  #known(agreement: Buffer, { epoch, issue, hash, msat }: Slice): Payment | null {
    const current = this.#ledger.payment(agreement, epoch)
    const known = this.#ledger.byHash(hash)
    if (!known) {
      if (current) throw refused(`a second hash for epoch ${epoch}`)
      return null
    }
    const same = known.agreement.equals(agreement) && known.kind === 'slice' && known.epoch === epoch
    if (!same || known.role !== 'payer') throw refused(`the hash of epoch ${epoch} stands elsewhere`)
    if (known.msat !== msat || known.issue !== issue) throw refused(`epoch ${epoch} was listed otherwise`)
    return known
  }

  #check(
    agreement: Buffer,
    { epoch, hash, msat }: Slice,
    invoice: string,
    payee: Buffer
  ): { expiresAt: number } {
    return this.#options.checkInvoice(invoice, {
      network: this.#options.wallet.network,
      paymentHash: hash,
      msat,
      payee,
      description: invoiceDescription(agreement, epoch),
      now: this.#options.now()
    })
  }

  /** The hash that may be given up for a new issue, by the wallet's word; null when it is paid or may yet be. */
  async voidable(agreement: Buffer, epoch: number): Promise<{ hash: Buffer; issue: number } | null> {
    const payment = this.#ledger.payment(agreement, epoch)
    if (payment?.role !== 'payer' || isSettled(payment.step)) return null
    if (this.sending.isPaying(payment)) return null
    const { status } = await this.sending.ask(payment)
    return status === 'pending' || status === 'succeeded'
      ? null
      : { hash: payment.hash, issue: payment.issue }
  }

  async rebind(slice: Slice, invoice: string, payee: Buffer, agreement: Buffer): Promise<Payment> {
    const known = this.#ledger.byHash(slice.hash)
    const old = this.#ledger.payment(agreement, slice.epoch)
    if (old?.role !== 'payer') throw refused(`epoch ${slice.epoch} was never listed`)
    if (known && known === old && known.issue === slice.issue && known.msat === slice.msat) return known
    if (known) throw refused(`the hash of epoch ${slice.epoch} stands elsewhere`)
    if (slice.issue <= old.issue || slice.msat !== old.msat)
      throw refused(`epoch ${slice.epoch} was listed otherwise`)
    const { expiresAt } = this.#check(agreement, slice, invoice, payee)
    this.sending.binds(slice.hash, expiresAt)
    await this.sending.withheld(old, current =>
      this.#ledger.record(
        { ...current, step: 'void' },
        draftOf(agreement, slice, current.peer, 'bound', invoice)
      )
    )
    return this.#ledger.payment(agreement, slice.epoch)!
  }

  async learned(agreement: Buffer, epoch: number, preimage: Buffer): Promise<Payment> {
    const payment = this.#ledger.byHash(sha256(preimage))
    if (payment?.role !== 'payer' || payment.epoch !== epoch || !payment.agreement.equals(agreement))
      throw refused(`the preimage is of no payment for epoch ${epoch}`)
    if (isSettled(payment.step)) return payment
    const state = await this.sending.ask(payment)
    if (state.status !== 'succeeded') {
      const current = this.#ledger.byHash(payment.hash)!
      await this.#ledger.record({ ...current, step: 'paid', preimage, text: NOT_BY_WALLET.learned })
    }
    return this.#ledger.byHash(payment.hash)!
  }

  /** A slice counts as paid, for the reason given (`NOT_BY_WALLET`): it is never paid then. */
  async count(payment: Payment, step: 'credited' | 'paid', text: string): Promise<Payment> {
    await this.sending.withheld(payment, current => this.#ledger.record({ ...current, step, text }))
    return this.#ledger.byHash(payment.hash)!
  }

  async payInvoice(invoice: string, options: DirectOptions): Promise<Payment> {
    const { paymentHash: hash } = this.#options.readInvoice(invoice, this.#options.wallet.network)
    await this.#turns.take(hash.toString('hex'), () => this.#bindDirect(invoice, options))
    return this.sending.pay(hash, 0, 'direct', options.timeoutMs)
  }

  /** What an invoice says, if it may be paid by hand: once, within the limits. Nothing is done; throws why it may not. */
  examine(invoice: string, { maxMsat }: DirectOptions): InvoiceReading & { msat: Msat } {
    const { wallet, limits, now } = this.#options
    const read = this.#options.readInvoice(invoice, wallet.network)
    const { paymentHash: hash, msat, expiresAt } = read
    const known = this.#ledger.byHash(hash)
    if (known && isSettled(known.step) && known.role === 'payer') throw alreadyPaid(known)
    if (known && (known.role !== 'payer' || known.kind !== 'direct'))
      throw refused(
        known.role === 'payee' ? 'the invoice is our own' : 'it belongs to an agreement, which pays it'
      )
    if (msat === null)
      throw BushelError.payment(
        'the invoice names no amount; nothing was paid',
        'ask for one that does',
        'NO_AMOUNT'
      )
    if (!known && expiresAt <= now())
      throw BushelError.payment(
        'the invoice has expired; nothing was paid',
        'ask for a new one',
        'INVOICE_EXPIRED'
      )
    if (maxMsat !== undefined && msat > maxMsat)
      throw BushelError.payment(
        `the invoice asks for ${formatAmount(msat)}, more than ${formatAmount(maxMsat)}; nothing was paid`,
        'pay it with a higher limit, or ask for a smaller one',
        'OVER_LIMIT'
      )
    const fault = known ? null : limits.faultOf({ msat, agreement: hash })
    if (fault) throw fault
    return { ...read, msat }
  }

  async #bindDirect(invoice: string, options: DirectOptions): Promise<void> {
    const { wallet } = this.#options
    const { paymentHash: hash, msat, payee, expiresAt } = this.examine(invoice, options)
    const known = this.#ledger.byHash(hash)
    if (!known) {
      const state = await wallet.payment(hash)
      const draft: Draft = {
        ...blank({ agreement: hash, kind: 'direct', epoch: 0, issue: 0, peer: null, hash, msat }),
        role: 'payer',
        step: 'bound',
        text: invoice
      }
      if (state.status === 'succeeded') {
        await this.#ledger.record({
          ...draft,
          step: 'paid',
          preimage: state.preimage,
          feeMsat: state.feeMsat
        })
        throw alreadyPaid(this.#ledger.byHash(hash)!)
      }
      if (state.status !== 'pending') await wallet.reach(payee, msat, REACH_TIMEOUT)
      await this.#ledger.record(draft)
      this.sending.binds(hash, expiresAt)
    }
  }

  async payRefund(refund: Refund): Promise<Payment> {
    const { agreement, bind } = refund
    const work = (): Promise<void> => this.#bindRefund(refund)
    await this.#turns.take(`${agreement.toString('hex')}/refund`, () => (bind ? bind(work) : work()))
    return this.sending.pay(agreement, 0, 'refund')
  }

  async #bindRefund({ agreement, invoice, msat, payee, peer = null }: Refund): Promise<void> {
    const { wallet, checkInvoice, readInvoice, now } = this.#options
    const { network } = wallet
    const { paymentHash: hash } = readInvoice(invoice, network)
    const current = this.#ledger.payment(agreement, 0, 'refund')
    if (current?.hash.equals(hash)) {
      // Of a debt that was settled in part meanwhile it would pay too much.
      if (current.msat !== msat) throw refused('it is not for what is left')
      // One that failed is open again before the debt is used for anything else.
      if (current.step === 'failed') await this.#ledger.record({ ...current, step: 'bound' })
      return
    }
    if (this.#ledger.byHash(hash)) throw refused('its hash stands elsewhere')
    if (current && isSettled(current.step)) throw alreadyPaid(current)
    if (current?.step === 'bound' && !this.sending.expired(current))
      throw refused('another invoice for this refund is about to be paid')
    const description = refundDescription(agreement)
    const { expiresAt } = checkInvoice(invoice, {
      network,
      paymentHash: hash,
      msat,
      payee,
      description,
      now: now()
    })
    this.sending.binds(hash, expiresAt)
    const issue = current ? current.issue + 1 : 0
    const draft: Draft = {
      ...blank({ agreement, kind: 'refund', epoch: 0, issue, peer, hash, msat }),
      role: 'payer',
      step: 'bound',
      text: invoice
    }
    if (!current) return this.#ledger.record(draft)
    // Another invoice is taken only when the one before cannot be paid any more.
    const bind = (old: Payment): Promise<void> => this.#ledger.record({ ...old, step: 'void' }, draft)
    if ((await this.sending.withheld(current, bind)) === null) throw alreadyPaid(current)
  }

  pay(agreement: Buffer, epoch: number, kind: Kind, timeoutMs?: number): Promise<Payment> {
    return this.sending.pay(agreement, epoch, kind, timeoutMs)
  }
}

function draftOf(
  agreement: Buffer,
  slice: Slice,
  peer: Buffer | null,
  step: 'intent' | 'bound',
  text: string
): Draft {
  const { epoch, issue, hash, msat } = slice
  return { ...blank({ agreement, kind: 'slice', epoch, issue, peer, hash, msat }), role: 'payer', step, text }
}
