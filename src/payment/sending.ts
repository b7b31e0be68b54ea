import { BushelError } from '../../contracts/errors/error.js'
import { formatAmount } from '../../contracts/money/money.js'
import type { PaymentKind, Ledger, Payment } from './ledger.js'
import { isSettled } from './ledger.js'
import type { SpendingLimits } from './limits.js'
import { sha256 } from './payee.js'
import { peerOf } from './ledger/spending.js'
import type { InvoiceReader } from '../lightning/invoice.js'
import type { PaymentState } from '../lightning/payment-records.js'
import type { Wallet } from '../lightning/wallet.js'
import { STEP } from './payment-state.js'

export interface SendingOptions {
  ledger: Ledger
  wallet: Wallet
  limits: SpendingLimits
  readInvoice: InvoiceReader
  now: () => number
}

const PAY_TIMEOUT = 60_000
/** With this many payments in flight to one peer, no more are sent to it. */
const MAX_LIMBO = 2

/** Sends bound payments, each once; the outcome is only ever what the wallet reports for the hash. */
export class Sending {
  readonly #options: SendingOptions
  readonly #paying = new Map<string, Promise<Payment>>()
  /** By peer: payments about to be sent, or sent and not settled yet. */
  readonly #payingTo = new Map<string, Set<string>>()
  /** Hashes that are being replaced and must not be sent. */
  readonly #withheld = new Set<string>()
  /** When a bound invoice expires, ms. */
  readonly #expiry = new Map<string, number>()
  /** Hashes bound since the start and never sent: the wallet need not be asked about them. */
  readonly #fresh = new Set<string>()

  constructor(options: SendingOptions) {
    this.#options = options
  }

  get #ledger(): Ledger {
    return this.#options.ledger
  }

  /** Running work. */
  get working(): Promise<unknown>[] {
    return [...this.#paying.values()]
  }

  isPaying({ hash }: Payment): boolean {
    return this.#paying.has(hash.toString('hex'))
  }

  /**
   * Runs `work` while no payment on this hash is in flight by the wallet, and none can be sent. Rejects with
   * PAYMENT_PENDING when one is in flight; null when the payment turns out to be paid.
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

  /** Remembers when an invoice that is about to be bound expires, so that it need not be parsed again. */
  binds(hash: Buffer, expiresAt: number): void {
    const key = hash.toString('hex')
    this.#expiry.set(key, expiresAt)
    this.#fresh.add(key)
  }

  pay(agreement: Buffer, installment: number, kind: PaymentKind, timeoutMs = PAY_TIMEOUT): Promise<Payment> {
    const payment = this.#ledger.payment(agreement, installment, kind)
    if (payment?.role !== 'payer' || payment.step === STEP.intent) {
      return Promise.reject(refused(`installment ${installment} has no checked invoice`))
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
    if (bound.step === STEP.void) throw refused('its hash was replaced by a new one')
    if (this.#withheld.has(bound.hash.toString('hex'))) throw pending(bound)
    await this.#pauseInLimbo(bound)
    // The wallet does not pay a hash twice, even when the ledger never had it as sent.
    const fresh = this.#fresh.delete(bound.hash.toString('hex')) && bound.step === STEP.bound
    if (!fresh) await this.ask(bound)
    const payment = this.#ledger.byHash(bound.hash)!
    if (isSettled(payment.step)) return payment
    // The debt of a failed refund may be settled in another way: the refund is bound again only where that is checked.
    if (payment.kind === 'refund' && payment.step === STEP.failed)
      throw failed(payment, { reason: 'the wallet gave it up' })
    // The wallet does not send a payment in flight again: this waits for its outcome.
    if (payment.step !== STEP.sent) {
      if (this.expired(payment)) throw expired(payment)
      const release = limits.hold(payment)
      // Until it is decided, the most that its fee may be counts against every limit.
      const feeMsat = limits.feesOf([payment.msat])
      await this.#ledger.record({ ...payment, step: STEP.sent, feeMsat }).finally(release)
    }
    const maxFeeMsat = limits.maxFeeMsat(payment.msat)
    const state = await wallet.pay(payment.text, { maxFeeMsat, timeoutMs })
    const outcome = await this.#outcome(this.#ledger.byHash(payment.hash)!, state)
    if (isSettled(outcome.step)) {
      this.#expiry.delete(payment.hash.toString('hex'))
      return outcome
    }
    if (outcome.step === STEP.sent) throw pending(outcome)
    throw failed(payment, state.status === 'failed' ? state : { reason: state.status })
  }

  /** Throws when two other payments to the peer are in flight by the wallet, or about to be sent. */
  async #pauseInLimbo(payment: Payment): Promise<void> {
    if (payment.step === STEP.sent) return // only its outcome is asked for
    const peer = peerOf(payment)
    if (this.#limbo(payment, peer) < MAX_LIMBO) return
    for (const other of [...this.#ledger.at(STEP.sent)])
      if (peerOf(other) === peer && !this.isPaying(other)) await this.ask(other)
    const limbo = this.#limbo(payment, peer)
    if (limbo < MAX_LIMBO) return
    throw new BushelError(
      'PAYMENT_PENDING',
      `${limbo} payments to this peer are in flight`,
      'no more is paid to this peer until the wallet reports how they ended'
    )
  }

  #limbo({ hash }: Payment, peer: string): number {
    const own = hash.toString('hex')
    let limbo = this.#ledger.spending.inFlight(peer)
    for (const key of this.#payingTo.get(peer) ?? []) {
      if (key !== own && this.#ledger.byHash(Buffer.from(key, 'hex'))?.step !== STEP.sent) limbo++
    }
    return limbo
  }

  /** Asks the wallet for the state of a payment that is not settled, and records it. */
  async ask(payment: Payment): Promise<PaymentState> {
    const before = this.#ledger.byHash(payment.hash)
    const state = await this.#options.wallet.payment(payment.hash)
    const current = this.#ledger.byHash(payment.hash)!
    if (isSettled(current.step)) return state
    // The answer says nothing of a payment that was sent after it.
    if (current.entry !== before?.entry && state.status !== 'succeeded') return state
    if (state.status === 'unknown') {
      // The wallet records a payment before it sends it: an unknown payment was never sent.
      if (current.step === STEP.sent) await this.#ledger.record({ ...current, step: STEP.bound })
    } else await this.#outcome(current, state)
    return state
  }

  async #outcome(payment: Payment, state: PaymentState): Promise<Payment> {
    const { step } = payment
    if (isSettled(step)) return payment
    if (state.status === 'succeeded') {
      const { preimage, feeMsat } = state
      if (!sha256(preimage).equals(payment.hash)) throw new Error('a preimage that does not fit its hash')
      await this.#ledger.record({ ...payment, step: STEP.paid, preimage, feeMsat })
    } else if (state.status === 'failed' && step === STEP.sent) {
      await this.#ledger.record({ ...payment, step: STEP.failed })
    } else if (state.status === 'pending' && step !== STEP.sent) {
      const feeMsat = this.#options.limits.feesOf([payment.msat])
      await this.#ledger.record({ ...payment, step: STEP.sent, feeMsat })
    }
    return this.#ledger.byHash(payment.hash)!
  }

  /** True when the invoice of a bound payment has expired. */
  expired({ hash, text }: Payment): boolean {
    const { readInvoice, wallet, now } = this.#options
    const key = hash.toString('hex')
    let at = this.#expiry.get(key)
    if (at === undefined) this.#expiry.set(key, (at = readInvoice(text, wallet.network).expiresAt))
    return at <= now()
  }
}

/** A payment in words. */
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
    'it is not paid twice; the wallet will report how it ended'
  )
}

export function alreadyPaid(payment: Payment): BushelError {
  return new BushelError(
    'ALREADY_PAID',
    `this invoice was paid before: ${named(payment)}; nothing was paid now`,
    'see the payment with: bushel log'
  )
}

function failed(payment: Payment, { reason, passing }: { reason: string; passing?: boolean }): BushelError {
  return new BushelError(
    passing ? 'NO_ROUTE' : 'PAYMENT_FAILED',
    `the payment of ${named(payment)} failed: ${reason}`,
    'nothing was paid'
  )
}

function expired(payment: Payment): BushelError {
  return new BushelError(
    'INVOICE_EXPIRED',
    `the invoice for ${named(payment)} has expired; nothing was paid`,
    'ask for a new invoice'
  )
}
