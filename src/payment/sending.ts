import { BushelError } from '../../contracts/errors/error.js'
import { formatAmount } from '../../contracts/money/money.js'
import type { PaymentKind, Ledger, Payment } from './ledger.js'
import { isSettled } from './ledger.js'
import type { SpendingLimits } from './limits.js'
import { sha256 } from './payee.js'
import { peerOf } from './spending.js'
import type { InvoiceReader } from '../lightning/invoice.js'
import type { PaymentState, Wallet } from '../lightning/wallet.js'

export interface SendingOptions {
  ledger: Ledger
  wallet: Wallet
  limits: SpendingLimits
  readInvoice: InvoiceReader
  now: () => number
}

const PAY_TIMEOUT = 60_000
/** More payments in flight than this to one peer, and it is paused. */
const MAX_LIMBO = 2

/** Sends bound payments, each once; what became of one is only ever what the wallet says of its hash. */
export class Sending {
  readonly #options: SendingOptions
  readonly #paying = new Map<string, Promise<Payment>>()
  /** By peer: payments that are about to be sent, or sent and not settled yet. */
  readonly #payingTo = new Map<string, Set<string>>()
  /** Hashes that are being given up: not to be sent meanwhile. */
  readonly #withheld = new Set<string>()
  /** When a bound invoice expires, ms. */
  readonly #expiry = new Map<string, number>()
  /** Hashes that were bound since the start and are not known to have been sent: nobody need ask what became of them. */
  readonly #fresh = new Set<string>()

  constructor(options: SendingOptions) {
    this.#options = options
  }

  get #ledger(): Ledger {
    return this.#options.ledger
  }

  /** What is under way. */
  get working(): Promise<unknown>[] {
    return [...this.#paying.values()]
  }

  isPaying({ hash }: Payment): boolean {
    return this.#paying.has(hash.toString('hex'))
  }

  /**
   * Does what must not meet a payment on this hash: none is under way, by the wallet's word, and none is sent meanwhile.
   * Rejects with PAYMENT_PENDING when there is one; null when it turns out to be paid.
   */
  async withheld<T>(payment: Payment, work: (payment: Payment) => Promise<T>): Promise<T | null> {
    const key = payment.hash.toString('hex')
    if (this.isPaying(payment) || this.#withheld.has(key)) throw pending(payment)
    this.#withheld.add(key)
    try {
      const { status } = await this.ask(payment)
      if (status === 'pending') throw pending(payment)
      const current = this.#ledger.byHash(payment.hash)!
      return isSettled(current.step) ? null : await work(current)
    } finally {
      this.#withheld.delete(key)
    }
  }

  /** An invoice is about to be bound; when it expires is kept, so that it need not be read again. */
  binds(hash: Buffer, expiresAt: number): void {
    const key = hash.toString('hex')
    this.#expiry.set(key, expiresAt)
    this.#fresh.add(key)
  }

  pay(agreement: Buffer, installment: number, kind: PaymentKind, timeoutMs = PAY_TIMEOUT): Promise<Payment> {
    const payment = this.#ledger.payment(agreement, installment, kind)
    if (payment?.role !== 'payer' || payment.step === 'intent') {
      return Promise.reject(refused(`installment ${installment} is not bound`))
    }
    const key = payment.hash.toString('hex')
    let paying = this.#paying.get(key)
    if (!paying) {
      const peer = peerOf(payment)
      const hashes = this.#payingTo.get(peer) ?? new Set()
      this.#payingTo.set(peer, hashes.add(key))
      paying = this.#pay(payment, timeoutMs).finally(() => {
        this.#paying.delete(key)
        hashes.delete(key)
        if (hashes.size === 0) this.#payingTo.delete(peer)
      })
      this.#paying.set(key, paying)
    }
    return paying
  }

  async #pay(bound: Payment, timeoutMs: number): Promise<Payment> {
    const { wallet, limits } = this.#options
    if (isSettled(bound.step)) return bound
    if (bound.step === 'void') throw refused('its hash was given up for another')
    if (this.#withheld.has(bound.hash.toString('hex'))) throw pending(bound)
    await this.#pauseInLimbo(bound)
    // Even of a hash that the ledger never knew as sent the wallet would not send a second payment.
    const fresh = this.#fresh.delete(bound.hash.toString('hex')) && bound.step === 'bound'
    if (!fresh) await this.ask(bound)
    const payment = this.#ledger.byHash(bound.hash)!
    if (isSettled(payment.step)) return payment
    // What a refund that failed was to pay may be settled otherwise: it is bound again where that is looked at.
    if (payment.kind === 'refund' && payment.step === 'failed') throw failed(payment, 'the wallet gave it up')
    // One that is under way is not sent again by the wallet: its end is waited for.
    if (payment.step !== 'sent') {
      if (this.expired(payment)) throw expired(payment)
      const release = limits.hold(payment)
      await this.#ledger.record({ ...payment, step: 'sent' }).finally(release)
    }
    const maxFeeMsat = limits.maxFeeMsat(payment.msat)
    const state = await wallet.pay(payment.text, { maxFeeMsat, timeoutMs })
    const outcome = await this.#outcome(this.#ledger.byHash(payment.hash)!, state)
    if (isSettled(outcome.step)) {
      this.#expiry.delete(payment.hash.toString('hex'))
      return outcome
    }
    if (outcome.step === 'sent') throw pending(outcome)
    throw failed(payment, state.status === 'failed' ? state.reason : state.status)
  }

  /** Two others of the peer that are on their way by the wallet's word, or about to be, pause it. */
  async #pauseInLimbo(payment: Payment): Promise<void> {
    if (payment.step === 'sent') return // it is asked for, not sent
    const peer = peerOf(payment)
    if (this.#limbo(payment, peer) < MAX_LIMBO) return
    for (const other of [...this.#ledger.at('sent')])
      if (other.role === 'payer' && peerOf(other) === peer && !this.isPaying(other)) await this.ask(other)
    const limbo = this.#limbo(payment, peer)
    if (limbo < MAX_LIMBO) return
    throw new BushelError(
      'PAYMENT_PENDING',
      `${limbo} payments to this peer are in flight`,
      'it is paused until the wallet knows what became of them'
    )
  }

  #limbo({ hash }: Payment, peer: string): number {
    const own = hash.toString('hex')
    let limbo = this.#ledger.spending.inFlight(peer)
    for (const key of this.#payingTo.get(peer) ?? []) {
      if (key !== own && this.#ledger.byHash(Buffer.from(key, 'hex'))?.step !== 'sent') limbo++
    }
    return limbo
  }

  /** What the wallet says of a payment that is not settled, recorded. */
  async ask(payment: Payment): Promise<PaymentState> {
    const before = this.#ledger.byHash(payment.hash)
    const state = await this.#options.wallet.payment(payment.hash)
    const current = this.#ledger.byHash(payment.hash)!
    if (isSettled(current.step)) return state
    // One that was sent since then the answer says nothing of.
    if (current !== before && state.status !== 'succeeded') return state
    if (state.status === 'unknown') {
      // The wallet records a payment before it sends: what it does not know never left.
      if (current.step === 'sent') await this.#ledger.record({ ...current, step: 'bound' })
    } else await this.#outcome(current, state)
    return state
  }

  async #outcome(payment: Payment, state: PaymentState): Promise<Payment> {
    const { step } = payment
    if (state.status === 'succeeded') {
      const { preimage, feeMsat } = state
      if (!sha256(preimage).equals(payment.hash)) throw new Error('a preimage that does not fit its hash')
      await this.#ledger.record({ ...payment, step: 'paid', preimage, feeMsat })
    } else if (state.status === 'failed' && step === 'sent') {
      await this.#ledger.record({ ...payment, step: 'failed' })
    } else if (state.status === 'pending' && step !== 'sent') {
      await this.#ledger.record({ ...payment, step: 'sent' })
    }
    return this.#ledger.byHash(payment.hash)!
  }

  /** True when the invoice of a bound payment cannot be paid any more. */
  expired({ hash, text }: Payment): boolean {
    const { readInvoice, wallet, now } = this.#options
    const key = hash.toString('hex')
    let at = this.#expiry.get(key)
    if (at === undefined) this.#expiry.set(key, (at = readInvoice(text, wallet.network).expiresAt))
    return at <= now()
  }
}

/** What a payment is, in words. */
function named({ kind, installment, msat }: Payment): string {
  const amount = formatAmount(msat)
  return kind === 'installment'
    ? `${amount} for installment ${installment}`
    : kind === 'refund'
      ? `${amount} as a refund`
      : amount
}

export function refused(why: string): BushelError {
  return new BushelError('INVOICE_REFUSED', `refused to pay: ${why}`, 'nothing was paid')
}

function pending(payment: Payment): BushelError {
  return new BushelError(
    'PAYMENT_PENDING',
    `the payment of ${named(payment)} is still under way`,
    'it is not paid twice: the wallet will tell what became of it'
  )
}

export function alreadyPaid(payment: Payment): BushelError {
  return new BushelError(
    'ALREADY_PAID',
    `this was paid before: ${named(payment)}; nothing was paid now`,
    '`bushel log` shows it'
  )
}

function failed(payment: Payment, reason: string): BushelError {
  return new BushelError(
    'PAYMENT_FAILED',
    `the payment of ${named(payment)} failed: ${reason}`,
    'nothing was paid'
  )
}

function expired(payment: Payment): BushelError {
  return new BushelError(
    'INVOICE_EXPIRED',
    `the invoice for ${named(payment)} has expired; nothing was paid`,
    'ask for a new one'
  )
}
