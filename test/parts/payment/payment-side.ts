import type { Wallet } from '../../../src/lightning/wallet.js'
import { Ledger } from '../../../src/payment/ledger.js'
import { Payments } from '../../../src/payment/payments.js'
import type { PaymentsOptions } from '../../../src/payment/payments.js'

export type PaymentSettings = Omit<PaymentsOptions, 'ledger' | 'wallet' | 'secret' | 'now'>

/** One side of payments: a ledger on disk, and payments that are started on it and on a wallet that outlives them. */
export abstract class PaymentSide {
  file: string
  payments!: Payments
  /** What reconciling has mended, and what it could not, since the last start. */
  mended: string[] = []
  unmended: string[] = []
  readonly #secret: Buffer

  constructor(file: string, secret: number) {
    this.file = file
    this.#secret = Buffer.alloc(32, secret)
  }

  abstract get wallet(): Wallet

  /** The clock of this side, ms since 1970. */
  abstract now(): number

  protected abstract settings(ledger: Ledger, now: () => number): PaymentSettings

  get ledger(): Ledger {
    return this.payments.ledger
  }

  /** Starts as a node does: anew from the disk, with nothing of what was in memory. */
  async start(): Promise<void> {
    const now = (): number => this.now()
    const ledger = new Ledger(this.file, now)
    const settings = this.settings(ledger, now)
    this.payments = new Payments({ ...settings, ledger, wallet: this.wallet, secret: this.#secret, now })
    this.mended = []
    this.unmended = []
    this.payments.reconciler.on('mended', (lines: string[]) => this.mended.push(...lines))
    this.payments.reconciler.on('faults', (lines: string[]) => this.unmended.push(...lines))
    await this.payments.ready()
  }

  async restart(): Promise<void> {
    await this.payments.close()
    await this.start()
  }
}
