import ReadyResource from 'ready-resource'
import type { LedgerEntry } from '#spec'
import { decode, encode } from '../../contracts/codec.js'
import type { Msat } from '../../contracts/money.js'
import { Journal } from '../journal/journal.js'

export type Role = 'payer' | 'payee'

/**
 * Steps of a payment, in order. Payer: bound (a checked invoice for a listed hash), sent, then paid or failed; a failed
 * one may be sent again on the same hash. Payee: listed, then received, or refused for good.
 */
export type Step = 'bound' | 'sent' | 'paid' | 'failed' | 'listed' | 'received' | 'refused'

export interface Payment {
  agreement: Buffer
  role: Role
  epoch: number
  hash: Buffer
  msat: Msat
  step: Step
  /** When the last step was recorded, ms. */
  at: number
  feeMsat: Msat
  preimage: Buffer | null
  /** The invoice of a bound payment; a later step keeps it, so that a failed one can be sent again. */
  text: string
}

export interface Totals {
  paidMsat: Msat
  feesMsat: Msat
  receivedMsat: Msat
  inFlightMsat: Msat
  payments: number
}

/** Every sat that moves, written ahead: an entry is on disk before the outside act that it announces. */
export class Ledger extends ReadyResource {
  readonly #journal: Journal
  readonly #now: () => number
  readonly #accounts = new Map<string, Map<number, Payment>>()
  readonly #byHash = new Map<string, Payment>()

  constructor(file: string, now: () => number = Date.now) {
    super()
    this.#now = now
    this.#journal = new Journal(file, entry => this.#apply(decode('ledger-entry', entry)))
  }

  /** A look at the ledger of a node that may be running. */
  static async read(file: string): Promise<Ledger> {
    const ledger = new Ledger(file)
    await Journal.read(file, entry => ledger.#apply(decode('ledger-entry', entry)))
    return ledger
  }

  get stats(): Journal['stats'] {
    return this.#journal.stats
  }

  protected override async _open(): Promise<void> {
    await this.#journal.ready()
  }

  protected override async _close(): Promise<void> {
    await this.#journal.close()
  }

  /** Records the next step of each payment; on disk, all of them or none, when it resolves. */
  async record(...payments: Omit<Payment, 'at'>[]): Promise<void> {
    if (payments.length === 0) return
    const entries = payments.map<LedgerEntry>(payment => ({
      type: payment.step,
      at: this.#now(),
      agreement: payment.agreement,
      role: payment.role,
      epoch: payment.epoch,
      hash: payment.hash,
      msat: payment.msat,
      feeMsat: payment.feeMsat,
      preimage: payment.preimage,
      text: payment.text
    }))
    await this.#journal.append(...entries.map(entry => encode('ledger-entry', entry)))
    for (const entry of entries) this.#apply(entry)
  }

  /** The payments of an agreement, by epoch. */
  payments(agreement: Buffer): Payment[] {
    const account = this.#accounts.get(agreement.toString('hex'))
    return account ? [...account.values()].sort((a, b) => a.epoch - b.epoch) : []
  }

  payment(agreement: Buffer, epoch: number): Payment | null {
    return this.#accounts.get(agreement.toString('hex'))?.get(epoch) ?? null
  }

  byHash(hash: Buffer): Payment | null {
    return this.#byHash.get(hash.toString('hex')) ?? null
  }

  /** All payments that stand at one of these steps. */
  *at(...steps: Step[]): Generator<Payment> {
    for (const account of this.#accounts.values()) {
      for (const payment of account.values()) if (steps.includes(payment.step)) yield payment
    }
  }

  /** How many epochs are paid (or received) without a gap from the first. */
  contiguous(agreement: Buffer): number {
    const account = this.#accounts.get(agreement.toString('hex'))
    let count = 0
    for (;;) {
      const step = account?.get(count)?.step
      if (step !== 'paid' && step !== 'received') return count
      count++
    }
  }

  totals(agreement: Buffer): Totals {
    const totals: Totals = { paidMsat: 0n, feesMsat: 0n, receivedMsat: 0n, inFlightMsat: 0n, payments: 0 }
    for (const payment of this.payments(agreement)) {
      if (payment.step === 'paid') {
        totals.paidMsat += payment.msat
        totals.feesMsat += payment.feeMsat
        totals.payments++
      } else if (payment.step === 'received') {
        totals.receivedMsat += payment.msat
        totals.payments++
      } else if (payment.step === 'sent') totals.inFlightMsat += payment.msat
    }
    return totals
  }

  #apply(entry: LedgerEntry): void {
    const id = entry.agreement.toString('hex')
    let account = this.#accounts.get(id)
    if (!account) this.#accounts.set(id, (account = new Map()))
    const before = account.get(entry.epoch)
    const payment: Payment = {
      agreement: entry.agreement,
      role: entry.role as Role,
      epoch: entry.epoch,
      hash: entry.hash,
      msat: entry.msat,
      step: entry.type as Step,
      at: entry.at,
      feeMsat: entry.feeMsat,
      preimage: entry.preimage ?? null,
      text: entry.text || (before?.text ?? '')
    }
    account.set(entry.epoch, payment)
    this.#byHash.set(entry.hash.toString('hex'), payment)
  }
}
