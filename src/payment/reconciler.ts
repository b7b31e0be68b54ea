import ReadyResource from 'ready-resource'
import { shortKey } from '../../contracts/keys/key.js'
import { formatAmount } from '../../contracts/money/money.js'
import { Poller } from '../base/poller.js'
import type { PaymentDraft, Ledger, Payment, PaymentRole } from './ledger.js'
import { isSettled } from './ledger.js'
import { DIRECTIONS, addSettled, areSamePayments, directionOf, nothingSettled } from './ledger/settled.js'
import type { Direction, SettledSum } from './ledger/settled.js'
import { sha256 } from './payee.js'
import { byWallet } from './payment.js'
import type { PaymentState, WalletRecord } from '../lightning/payment-records.js'
import type { Wallet } from '../lightning/wallet.js'
import type { Logger } from '../base/logger.js'
import { STEP, paymentStates } from './payment-state.js'
import type { PaymentStepName } from './payment-state.js'

export interface ReconcilerOptions {
  ledger: Ledger
  wallet: Wallet
  /** True while `Sending` makes the payment and records its outcome. */
  isPaying: (payment: Payment) => boolean
  /** Asks the wallet for the state of our payment and records it. */
  ask: (payment: Payment) => Promise<PaymentState>
  /** Records that a payment to us has settled. */
  receive: (hash: Buffer, msat: bigint) => Promise<void>
  log: Logger
  now: () => number
}

const EVERY = 5 * 60_000
/** Wait after a run that failed because the wallet did not answer, ms. */
const AGAIN = 10_000
/** Overlap of two readings of the wallet's records, ms: the wallet's clock may differ from ours. */
const OVERLAP = 3_600_000
/** Most steps recorded at once. */
const BATCH = 500
/** Of payments that the wallet has no record of, this many are checked one by one; the rest are only counted. */
const MAX_ASKED = 64

/**
 * Brings the ledger in line with the wallet's own records, at start and every 5 minutes. The first run reads all
 * records, later runs those since the last; only payments in flight are asked for one by one.
 *
 * Events: `mended` (lines) after the ledger was corrected from the wallet's records. `faults` (lines), at start only, for
 * payments that the ledger has as settled and the wallet has not: nothing is changed then.
 */
export class Reconciler extends ReadyResource {
  readonly #options: ReconcilerOptions
  #running: Promise<string[]> | null = null
  #since: number | null = null
  #faults: readonly string[] = []
  readonly #poller: Poller

  constructor(options: ReconcilerOptions) {
    super()
    this.#options = options
    this.setMaxListeners(0)
    this.#poller = new Poller({
      look: async () => void (await this.run()),
      interval: EVERY,
      retry: AGAIN,
      onerror: options.log.fault
    })
  }

  /** The faults that the first run has reported. */
  get faults(): readonly string[] {
    return this.#faults
  }

  protected override async _open(): Promise<void> {
    await this.#poller.start()
  }

  protected override async _close(): Promise<void> {
    await this.#poller.close()
    await this.#running?.catch(() => undefined) // the caller of `run` gets the error
  }

  /** Returns a line for each correction. */
  run(): Promise<string[]> {
    this.#running ??= this.#run().finally(() => (this.#running = null))
    return this.#running
  }

  async #run(): Promise<string[]> {
    const { wallet, ledger, now } = this.#options
    const began = now()
    const since = this.#since
    const before = new Map<string, Payment>()
    for (const payment of [...ledger.at(STEP.sent)]) await this.#ask(payment, before)
    const records = await wallet.history(since === null ? {} : { since })
    const settled = await this.#settle(records, before)
    if (since === null && DIRECTIONS.some(one => !areSamePayments(settled[one], ledger.settledByWallet(one))))
      await this.#missing(records)
    this.#since = began - OVERLAP
    const lines = [...before.values()].flatMap(payment => this.#line(payment))
    if (lines.length > 0) this.emit('mended', lines)
    return lines
  }

  async #ask(payment: Payment, before: Map<string, Payment>): Promise<void> {
    if (this.#options.isPaying(payment)) return
    before.set(payment.hash.toString('hex'), payment)
    await this.#options.ask(payment)
  }

  /**
   * Records payments that are settled or in flight in the wallet and not in the ledger. Returns the sums of those that
   * both have settled.
   */
  async #settle(
    records: readonly WalletRecord[],
    before: Map<string, Payment>
  ): Promise<Record<Direction, SettledSum>> {
    const { ledger, isPaying } = this.#options
    const settled = { sent: nothingSettled(), received: nothingSettled() }
    const count = (payment: Payment): void => {
      const direction = directionOf(payment.role)
      if (byWallet(payment)) settled[direction] = addSettled(settled[direction], payment)
    }
    let drafts: PaymentDraft[] = []
    const record = async (): Promise<void> => {
      await this.#record(drafts)
      for (const { hash } of drafts) count(ledger.byHash(hash)!)
      drafts = []
    }
    for (const { paymentHash, direction, status, preimage, msat, feeMsat } of records) {
      const payment = ledger.byHash(paymentHash)
      if (!payment || status === 'failed' || directionOf(payment.role) !== direction) continue
      if (isSettled(payment.step)) {
        if (status === 'succeeded') count(payment)
        continue
      }
      if (payment.role === 'payee') {
        if (status !== 'succeeded') continue
        before.set(payment.hash.toString('hex'), payment)
        await this.#receive(payment, msat)
        count(ledger.byHash(paymentHash)!)
      } else if (isPaying(payment) || (status === 'pending' && payment.step === STEP.sent)) continue
      else if (status === 'succeeded' && preimage && sha256(preimage).equals(payment.hash)) {
        before.set(payment.hash.toString('hex'), payment)
        drafts.push({ ...payment, step: STEP.paid, preimage, feeMsat })
      } else await this.#ask(payment, before)
      if (drafts.length >= BATCH) await record()
    }
    await record()
    return settled
  }

  /** Leaves out steps that were recorded meanwhile. */
  async #record(drafts: PaymentDraft[]): Promise<void> {
    const { ledger } = this.#options
    await ledger.record(...drafts.filter(({ hash }) => !isSettled(ledger.byHash(hash)!.step)))
  }

  async #receive(payment: Payment, msat: bigint): Promise<void> {
    try {
      await this.#options.receive(payment.hash, msat)
    } catch (error) {
      this.#options.log.fault(error) // one bad record must not stop the others
    }
  }

  /**
   * Reports payments that the ledger has as settled by the wallet and the wallet has not; changes nothing. It reads the
   * whole ledger, so it runs only when the sums say that there are some, or that one has settled meanwhile.
   */
  async #missing(records: readonly WalletRecord[]): Promise<void> {
    const { ledger, wallet } = this.#options
    const settled = new Set<string>()
    for (const { status, direction, paymentHash } of records)
      if (status === 'succeeded') settled.add(`${direction} ${paymentHash.toString('hex')}`)
    const suspects: Payment[] = []
    for (const payment of ledger.all()) {
      if (!byWallet(payment)) continue
      if (!settled.has(`${directionOf(payment.role)} ${payment.hash.toString('hex')}`)) suspects.push(payment)
    }
    const faults: string[] = []
    for (const payment of suspects.slice(0, MAX_ASKED)) {
      const payer = payment.role === 'payer'
      // It may have settled since the records were read.
      const { status } = await (payer ? wallet.payment(payment.hash) : wallet.invoice(payment.hash))
      if (status === (payer ? 'succeeded' : 'settled')) continue
      const has = status === 'unknown' ? 'has no record of it' : `has it as ${status}`
      const did = payer ? 'paid' : 'received'
      faults.push(
        `${name(payment)}, ${formatAmount(payment.msat)}: the ledger has it as ${did}, the wallet ${has}`
      )
    }
    const more = suspects.length - MAX_ASKED
    if (more > 0 && faults.length > 0) faults.push(`the wallet has no record of ${more} more payments`)
    this.#faults = faults
    if (faults.length > 0) this.emit('faults', faults)
  }

  #line(before: Payment): string[] {
    const payment = this.#options.ledger.byHash(before.hash)!
    if (payment.step === before.step) return []
    // The lease or job may have been told of it already.
    const said = byWallet(payment) ? SETTLED[payment.role] : SAID[paymentStates.nameOf(payment.step)]
    return said ? [`${name(before)}: ${said}; recorded`] : []
  }
}

const SETTLED: Record<PaymentRole, string> = {
  payer: 'the wallet had paid it',
  payee: 'the wallet had received it'
}

/** Of steps that the wallet does not say there is no line: another part of the node has taken them meanwhile. */
const SAID: Partial<Record<PaymentStepName, string>> = {
  failed: 'the payment had failed',
  bound: 'the wallet was never asked to pay it',
  sent: 'the wallet is still paying it'
}

function name({ kind, installment, agreement, hash }: Payment): string {
  if (kind === 'direct') return `payment ${hash.toString('hex').slice(0, 8)}`
  const short = shortKey(agreement)
  return kind === 'refund'
    ? `refund of agreement ${short}`
    : `installment ${installment} of agreement ${short}`
}
