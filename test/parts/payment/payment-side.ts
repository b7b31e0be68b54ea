import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Wallet } from '../../../src/lightning/wallet.js'
import { Ledger } from '../../../src/payment/ledger.js'
import { Payments } from '../../../src/payment/payments.js'
import type { PaymentsOptions } from '../../../src/payment/payments.js'
import type { Backend } from '../../../src/store/backend/backend.js'
import type { Store } from '../../../src/store/store.js'
import { storeIn } from '../store/store-in.js'

export type PaymentSettings = Omit<PaymentsOptions, 'ledger' | 'wallet' | 'secret' | 'now'>

/** The name of the ledger of a side. */
export const WALLET = 'ledger'

/** One side of payments: a ledger on disk, and payments that are started on it and on a wallet that outlives them. */
export abstract class PaymentSide {
  /** The folder of its store. */
  home: string
  store!: Store
  payments!: Payments
  /** What reconciling has mended, and what it could not, since the last start. */
  mended: string[] = []
  unmended: string[] = []
  /** What its store stands on from the next start on, when it is not LMDB alone. */
  backend?: (folder: string) => Backend
  readonly #secret: Buffer

  constructor(home: string, secret: number) {
    this.home = home
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
    await this.stop()
    this.store = storeIn(this.home, [], this.backend)
    await this.store.ready()
    const now = (): number => this.now()
    const ledger = this.read(now)
    const settings = this.settings(ledger, now)
    this.payments = new Payments({ ...settings, ledger, wallet: this.wallet, secret: this.#secret, now })
    this.mended = []
    this.unmended = []
    this.payments.reconciler.on('mended', (lines: string[]) => this.mended.push(...lines))
    this.payments.reconciler.on('faults', (lines: string[]) => this.unmended.push(...lines))
    await this.payments.ready()
  }

  /** Closes the store, of which nothing is wrong, so that what still runs can change nothing. */
  async stop(): Promise<void> {
    if (!this.store?.opened || this.store.closed) return
    await this.store.flushed()
    assert.deepEqual([...this.store.check()], [])
    await this.store.close()
  }

  async restart(): Promise<void> {
    await this.payments.close()
    await this.start()
  }

  /** The ledger as another reader finds it on the disk. */
  read(now?: () => number): Ledger {
    return new Ledger(this.store, WALLET, now)
  }

  /** Copies what is on disk to another folder. */
  async copy(home: string): Promise<void> {
    await mkdir(home, { recursive: true })
    await this.store.copy(join(home, 'store'))
  }
}
