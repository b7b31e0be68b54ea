import { createHash, createHmac } from 'node:crypto'
import ReadyResource from 'ready-resource'
import type { Slice, SliceList } from '#spec'
import { BushelError } from '../../contracts/errors.js'
import { formatAmount, most } from '../../contracts/money.js'
import type { Msat } from '../../contracts/money.js'
import type { Epoch } from '../../contracts/schedule.js'
import { STRIP_LENGTH, invoiceDescription } from '../../contracts/terms.js'
import type { Ledger, Payment } from './ledger.js'

export type PaymentState =
  | { status: 'unknown' }
  | { status: 'pending' }
  | { status: 'failed'; reason: string }
  | { status: 'succeeded'; preimage: Buffer; feeMsat: bigint }

/** What the teller needs of a Lightning wallet. */
export interface WalletPort {
  readonly network: string
  issue(request: {
    preimage: Buffer
    msat: bigint
    description: string
    expirySeconds: number
  }): Promise<string>
  refuse(hash: Buffer): Promise<{ status: string }>
  invoice(hash: Buffer): Promise<{ status: string; receivedMsat?: bigint }>
  reach(nodeId: Buffer, msat: bigint, timeoutMs: number): Promise<void>
  pay(invoice: string, options: { maxFeeMsat: bigint; timeoutMs: number }): Promise<PaymentState>
  payment(hash: Buffer): Promise<PaymentState>
  on(event: 'settled', listener: (hash: Buffer, msat: bigint) => void): unknown
  off(event: 'settled', listener: (hash: Buffer, msat: bigint) => void): unknown
}

/** Checks an invoice against what was agreed; throws when it differs in anything. */
export type InvoiceCheck = (
  invoice: string,
  expected: {
    network: string
    paymentHash: Buffer
    msat: bigint
    payee: Buffer
    description: string
    now: number
  }
) => unknown

export interface TellerOptions {
  ledger: Ledger
  wallet: WalletPort
  checkInvoice: InvoiceCheck
  /** Preimages are derived from it; 32 bytes that never leave this node. */
  secret: Buffer
  onfault: (error: unknown) => void
  now?: () => number
}

const PAY_TIMEOUT = 60_000
/** How long closing waits for what is under way, ms. */
const CLOSING = 2000
/** More payments in flight than this to one agreement, and it is paused. */
const MAX_LIMBO = 2
const MIN_FEE_LIMIT = 5_000n

/**
 * Takes and makes the payments of agreements, whatever is sold. Everything is in the ledger before it is done; what
 * became of a payment is only ever what the wallet says of its hash.
 *
 * Event: `received` (payment) when a listed slice is paid to us, after it is in the ledger.
 */
export class Teller extends ReadyResource {
  readonly ledger: Ledger
  readonly #options: TellerOptions
  readonly #now: () => number
  readonly #paying = new Map<string, Promise<Payment>>()
  readonly #payingOf = new Map<string, Set<number>>()
  readonly #receiving = new Map<string, Promise<void>>()
  readonly #onsettled = (hash: Buffer, msat: bigint): void =>
    void this.#receive(hash, msat).catch(this.#fault)
  readonly #fault = (error: unknown): void => this.#options.onfault(error)

  constructor(options: TellerOptions) {
    super()
    this.#options = options
    this.ledger = options.ledger
    this.#now = options.now ?? Date.now
    this.setMaxListeners(0)
  }

  protected override async _open(): Promise<void> {
    await this.ledger.ready()
    this.#options.wallet.on('settled', this.#onsettled)
    await this.reconcile()
  }

  protected override async _close(): Promise<void> {
    this.#options.wallet.off('settled', this.#onsettled)
    const working = Promise.allSettled([...this.#paying.values(), ...this.#receiving.values()])
    // A payment that is still under way then is asked for again, by its hash, at the next start.
    await Promise.race([working, new Promise(resolve => setTimeout(resolve, CLOSING).unref())])
    await this.ledger.close()
  }

  // What is owed to us

  /** The slices of up to 64 epochs from `from`: each hash is that of a preimage derived for this epoch alone. */
  list(agreement: Buffer, epochs: readonly Epoch[], from: number): SliceList {
    const slices = epochs.slice(from, from + STRIP_LENGTH).map<Slice>(epoch => ({
      epoch: epoch.number,
      issue: 0,
      hash: sha256(this.#preimage(agreement, epoch.number, 0)),
      msat: epoch.msat
    }))
    return { agreement, slices }
  }

  /** Invoices for listed slices. Asked again it gives the same ones. */
  async strip(list: SliceList, expirySeconds: number): Promise<string[]> {
    const { agreement } = list
    const fresh = list.slices.filter(slice => !this.ledger.payment(agreement, slice.epoch))
    await this.ledger.record(
      ...fresh.map(slice => ({ ...blank(agreement, slice), role: 'payee' as const, step: 'listed' as const }))
    )
    const invoices: string[] = []
    for (const slice of list.slices) {
      const preimage = this.#preimage(agreement, slice.epoch, slice.issue)
      const description = invoiceDescription(agreement, slice.epoch)
      invoices.push(
        await this.#options.wallet.issue({ preimage, msat: slice.msat, description, expirySeconds })
      )
    }
    return invoices
  }

  /** No slice of this agreement that is still open is taken any more. One that was paid meanwhile counts as paid. */
  async refuseRest(agreement: Buffer): Promise<void> {
    for (const payment of this.ledger.payments(agreement)) {
      if (payment.step !== 'listed') continue
      const state = await this.#options.wallet.refuse(payment.hash)
      if (state.status === 'settled') await this.#receive(payment.hash, payment.msat)
      else await this.ledger.record({ ...payment, step: 'refused' })
    }
  }

  /** True when the slice is paid to us, by our own wallet's word, waiting at most `timeoutMs` for it. */
  async wasReceived(agreement: Buffer, epoch: number, timeoutMs: number): Promise<boolean> {
    const payment = this.ledger.payment(agreement, epoch)
    if (!payment) return false
    const state = await this.#options.wallet.invoice(payment.hash)
    if (state.status === 'settled') await this.#receive(payment.hash, state.receivedMsat ?? payment.msat)
    if (this.ledger.payment(agreement, epoch)?.step === 'received') return true
    return new Promise(resolve => {
      const done = (value: boolean): void => {
        clearTimeout(timer)
        this.off('received', look)
        resolve(value)
      }
      const look = (received: Payment): void => {
        if (received.agreement.equals(agreement) && received.epoch === epoch) done(true)
      }
      const timer = setTimeout(() => done(false), timeoutMs)
      this.on('received', look)
    })
  }

  #receive(hash: Buffer, msat: Msat): Promise<void> {
    const key = hash.toString('hex')
    let receiving = this.#receiving.get(key)
    if (!receiving) {
      receiving = this.#recordReceived(hash, msat).finally(() => this.#receiving.delete(key))
      this.#receiving.set(key, receiving)
    }
    return receiving
  }

  async #recordReceived(hash: Buffer, msat: Msat): Promise<void> {
    const payment = this.ledger.byHash(hash)
    if (!payment || payment.role !== 'payee' || payment.step === 'received') return
    if (msat < payment.msat) throw new Error(`the wallet took ${msat} msat for a slice of ${payment.msat}`)
    const preimage = this.#preimage(payment.agreement, payment.epoch, 0)
    await this.ledger.record({ ...payment, step: 'received', preimage })
    this.emit('received', this.ledger.payment(payment.agreement, payment.epoch)!)
  }

  /** HMAC-SHA-256 of the secret over agreement, epoch and issue number: one hash for one epoch, whatever crashes. */
  #preimage(agreement: Buffer, epoch: number, issue: number): Buffer {
    const tail = Buffer.alloc(16)
    tail.writeBigUInt64LE(BigInt(epoch), 0)
    tail.writeBigUInt64LE(BigInt(issue), 8)
    return createHmac('sha256', this.#options.secret).update(agreement).update(tail).digest()
  }

  // What we owe

  /** Takes a strip: every invoice is checked against the signed list before any is kept; one bad, and none is. */
  async bind(list: SliceList, invoices: readonly string[], payee: Buffer): Promise<void> {
    const { agreement } = list
    if (invoices.length !== list.slices.length) {
      throw refused(`a strip of ${invoices.length} invoices for ${list.slices.length} slices`)
    }
    list.slices.forEach((slice, i) => {
      this.#options.checkInvoice(invoices[i]!, {
        network: this.#options.wallet.network,
        paymentHash: slice.hash,
        msat: slice.msat,
        payee,
        description: invoiceDescription(agreement, slice.epoch),
        now: this.#now()
      })
      const known = this.ledger.payment(agreement, slice.epoch)
      if (known && !known.hash.equals(slice.hash)) throw refused(`a second hash for epoch ${slice.epoch}`)
      if (!known && this.ledger.byHash(slice.hash))
        throw refused(`the hash of epoch ${slice.epoch} stands elsewhere`)
    })
    const fresh = list.slices.flatMap((slice, i) =>
      this.ledger.payment(agreement, slice.epoch)
        ? []
        : [{ ...blank(agreement, slice), role: 'payer' as const, step: 'bound' as const, text: invoices[i]! }]
    )
    await this.ledger.record(...fresh)
  }

  /** Makes sure that so much can be paid to a node; rejects with NO_BALANCE or NO_ROUTE. */
  async reach(payee: Buffer, msat: Msat, timeoutMs = 30_000): Promise<void> {
    await this.#options.wallet.reach(payee, msat, timeoutMs)
  }

  /**
   * Pays one bound slice, once: a slice that is paid is given back as it stands. Rejects with PAYMENT_FAILED (nothing
   * was paid; it may be tried again) or PAYMENT_PENDING (in limbo: nobody knows yet, and no second payment is made).
   */
  pay(agreement: Buffer, epoch: number, timeoutMs = PAY_TIMEOUT): Promise<Payment> {
    const key = `${agreement.toString('hex')}/${epoch}`
    let paying = this.#paying.get(key)
    if (!paying) {
      const account = agreement.toString('hex')
      const epochs = this.#payingOf.get(account) ?? new Set()
      this.#payingOf.set(account, epochs.add(epoch))
      paying = this.#pay(agreement, epoch, timeoutMs).finally(() => {
        this.#paying.delete(key)
        epochs.delete(epoch)
        if (epochs.size === 0) this.#payingOf.delete(account)
      })
      this.#paying.set(key, paying)
    }
    return paying
  }

  async #pay(agreement: Buffer, epoch: number, timeoutMs: number): Promise<Payment> {
    let payment = this.ledger.payment(agreement, epoch)
    if (!payment || payment.role !== 'payer') throw refused(`epoch ${epoch} is not bound`)
    if (payment.step === 'sent') payment = await this.#ask(payment)
    if (payment.step === 'paid') return payment
    if (payment.step === 'sent') throw pending(payment)
    const limbo = this.#inFlight(agreement, epoch)
    if (limbo >= MAX_LIMBO) {
      throw BushelError.payment(
        `${limbo} payments of this agreement are in flight`,
        'it is paused until the wallet knows what became of them',
        'PAYMENT_PENDING'
      )
    }
    const invoice = payment.text
    await this.ledger.record({ ...payment, step: 'sent' })
    const maxFeeMsat = most(payment.msat / 100n, MIN_FEE_LIMIT)
    const state = await this.#options.wallet.pay(invoice, { maxFeeMsat, timeoutMs })
    const outcome = await this.#outcome(this.ledger.payment(agreement, epoch)!, state)
    if (outcome.step === 'paid') return outcome
    if (outcome.step === 'sent') throw pending(outcome)
    const reason = state.status === 'failed' ? state.reason : state.status
    throw BushelError.payment(
      `the payment of ${formatAmount(payment.msat)} for slice ${epoch} failed: ${reason}`,
      'nothing was paid'
    )
  }

  /** Other slices of the agreement that are on their way, or about to be. */
  #inFlight(agreement: Buffer, epoch: number): number {
    const account = agreement.toString('hex')
    const sent = this.ledger.payments(agreement).filter(({ step }) => step === 'sent')
    const epochs = new Set([...sent.map(payment => payment.epoch), ...(this.#payingOf.get(account) ?? [])])
    epochs.delete(epoch)
    return epochs.size
  }

  /** What the wallet says of a payment that was sent, recorded. */
  async #ask(payment: Payment): Promise<Payment> {
    const state = await this.#options.wallet.payment(payment.hash)
    if (state.status === 'unknown') {
      // The wallet records a payment before it sends: what it does not know never left.
      await this.ledger.record({ ...payment, step: 'bound' })
      return this.ledger.payment(payment.agreement, payment.epoch)!
    }
    return this.#outcome(payment, state)
  }

  async #outcome(payment: Payment, state: PaymentState): Promise<Payment> {
    if (state.status === 'succeeded') {
      if (!sha256(state.preimage).equals(payment.hash))
        throw new Error('a preimage that does not fit its hash')
      const { preimage, feeMsat } = state
      await this.ledger.record({ ...payment, step: 'paid', preimage, feeMsat })
    } else if (state.status === 'failed') {
      await this.ledger.record({ ...payment, step: 'failed' })
    }
    return this.ledger.payment(payment.agreement, payment.epoch)!
  }

  /** After a start: what became of everything that was under way, by the wallet's own records. */
  async reconcile(): Promise<void> {
    for (const payment of [...this.ledger.at('sent')]) await this.#ask(payment)
    for (const payment of [...this.ledger.at('listed')]) {
      const state = await this.#options.wallet.invoice(payment.hash)
      if (state.status === 'settled') await this.#receive(payment.hash, state.receivedMsat ?? payment.msat)
    }
  }
}

function blank(agreement: Buffer, slice: Slice): Omit<Payment, 'at' | 'role' | 'step'> {
  const { epoch, hash, msat } = slice
  return { agreement, epoch, hash, msat, feeMsat: 0n, preimage: null, text: '' }
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function refused(why: string): BushelError {
  return BushelError.payment(`refused to pay: ${why}`, 'nothing was paid', 'INVOICE_REFUSED')
}

function pending(payment: Payment): BushelError {
  return BushelError.payment(
    `the payment of ${formatAmount(payment.msat)} for slice ${payment.epoch} is still under way`,
    'it is not paid twice: the wallet will tell what became of it',
    'PAYMENT_PENDING'
  )
}
