import { BushelError } from '../../contracts/errors/error.js'
import { formatAmount, most } from '../../contracts/money/money.js'
import type { Msat } from '../../contracts/money/money.js'
import { change } from '../store/change.js'
import type { Store } from '../store/store.js'
import { limitTable } from './tables.js'
import type { Ledger, Payment } from './ledger.js'
import { peerOf } from './ledger/spending.js'
import { STEP } from './payment-state.js'
import { trustedNow } from '../base/time/trusted-time.js'

/** What may be paid; null is no limit. */
export interface SpendingSettings {
  /** Total for one agreement. */
  dealMsat: Msat | null
  /** Total of 24 hours: payments made and in flight, with their fees. */
  dayMsat: Msat | null
  /** Total of 24 hours to one peer. */
  peerMsat: Msat | null
  /** Highest fee, as a percentage of the payment ... */
  feePercent: number
  /** ... but a fee up to this amount is always allowed. */
  feeMinMsat: Msat
}

const FEES = { feePercent: 1, feeMinMsat: 5_000n }

export const DEFAULT_LIMITS: Record<'play' | 'real', SpendingSettings> = {
  play: { dealMsat: null, dayMsat: null, peerMsat: null, ...FEES },
  real: { dealMsat: 10_000_000n, dayMsat: 50_000_000n, peerMsat: 20_000_000n, ...FEES }
}

export interface LimitOptions {
  ledger: Ledger
  /** True for a wallet of real sats. */
  real: boolean
  /** Where the settings are kept. */
  records?: LimitRecords | null
  now?: () => number
}

/** A payment to check before it is sent, or the whole of an agreement before it is signed. */
export interface Spend {
  msat: Msat
  /** The payments of the whole, each with a fee of its own; one by default. */
  amounts?: readonly Msat[]
  agreement?: Buffer
  peer?: Buffer | null
}

/** A planned or running agreement, with its costs. */
export interface PlannedSpending {
  /** Identity of the provider; null for one that is not known yet, each another one. */
  peer: Buffer | null
  /** The whole price, msat. */
  chargeMsat: Msat
  /** The part that is due in advance and not paid yet, msat. */
  aheadMsat: Msat
  /** The most that the fees of the whole come to, msat. */
  feesMsat?: Msat
  /** The most that the fees of the part in advance come to, msat. */
  aheadFeesMsat?: Msat
}

/** Settings as they are on disk, for play money and for real sats. */
export interface LimitRecords {
  get(money: string): Buffer | null
  /** On disk when it resolves. */
  set(money: string, settings: Buffer): Promise<void>
}

export function limitsIn(store: Store): LimitRecords {
  return {
    get: money => store.table(limitTable).get(money),
    set: (money, settings) => store.set(change(limitTable, money, settings))
  }
}

/** The owner's spending limits. Checked before an agreement is signed and before each payment is sent. */
export class SpendingLimits {
  readonly #options: LimitOptions
  readonly #now: () => number
  /** Payments that passed the check and are not recorded as sent yet. */
  readonly #held = new Map<string, Payment>()

  constructor(options: LimitOptions) {
    this.#options = options
    this.#now = options.now ?? trustedNow
  }

  get #defaults(): SpendingSettings {
    return DEFAULT_LIMITS[this.#options.real ? 'real' : 'play']
  }

  get settings(): SpendingSettings {
    const value = this.#options.records?.get(this.#money)
    return value ? { ...this.#defaults, ...parse(value) } : this.#defaults
  }

  /** Settings of play money and of real sats are kept apart. */
  get #money(): string {
    return this.#options.real ? 'real' : 'play'
  }

  /** Changes the given settings; they are on disk and in force when it resolves. */
  async set(changes: Partial<SpendingSettings>): Promise<SpendingSettings> {
    const settings = checked({ ...this.settings, ...changes })
    await this.#options.records?.set(this.#money, written(settings))
    return settings
  }

  /** The highest fee allowed for a payment, msat. */
  maxFeeMsat(msat: Msat): Msat {
    const { feePercent, feeMinMsat } = this.settings
    return most((msat * BigInt(Math.round(feePercent * 100))) / 10_000n, feeMinMsat)
  }

  /** The most that the fees of these payments come to, msat. Play money goes from peer to peer: without fees. */
  feesOf(amounts: readonly Msat[]): Msat {
    if (!this.#options.real) return 0n
    return amounts.reduce((sum, msat) => sum + this.maxFeeMsat(msat), 0n)
  }

  /** The limit that this payment would exceed with its fee, as an error OVER_LIMIT; null when it is allowed. */
  faultOf({ msat: amount, amounts = [amount], agreement, peer = null }: Spend): BushelError | null {
    const { ledger } = this.#options
    const msat = amount + this.feesOf(amounts)
    const { dealMsat, dayMsat, peerMsat } = this.settings
    const now = this.#now()
    if (dealMsat !== null) {
      const spent = agreement ? this.#spentOn(agreement) : 0n
      const held = agreement ? this.#heldMsat(payment => payment.agreement.equals(agreement)) : 0n
      if (spent + held + msat > dealMsat) return over('a deal', 'deal', dealMsat, msat, spent + held)
    }
    if (dayMsat !== null) {
      const spent = ledger.spending.total(now) + this.#heldMsat(() => true)
      if (spent + msat > dayMsat) return over('a day', 'day', dayMsat, msat, spent)
    }
    if (peerMsat !== null && (peer ?? agreement)) {
      const to = peerOf({ peer, agreement: agreement! })
      const spent = ledger.spending.to(to, now) + this.#heldMsat(payment => peerOf(payment) === to)
      if (spent + msat > peerMsat) return over('a peer', 'peer', peerMsat, msat, spent)
    }
    return null
  }

  /**
   * The limit that these agreements would exceed, as an error OVER_LIMIT; null when they are allowed. The whole price
   * counts against the limit of a deal, the part due in advance against the limits of a day and of a peer.
   */
  faultOfPlans(plans: readonly PlannedSpending[]): BushelError | null {
    const { dealMsat, dayMsat, peerMsat } = this.settings
    const now = this.#now()
    const { spending } = this.#options.ledger
    const ahead = new Map<string, Msat>()
    let dayAhead = 0n
    let mostToUnknown = 0n
    for (const plan of plans) {
      const { peer, feesMsat = 0n, aheadFeesMsat = 0n } = plan
      const [chargeMsat, aheadMsat] = [plan.chargeMsat + feesMsat, plan.aheadMsat + aheadFeesMsat]
      if (dealMsat !== null && chargeMsat > dealMsat) return over('a deal', 'deal', dealMsat, chargeMsat, 0n)
      dayAhead += aheadMsat
      const to = peer?.toString('hex')
      if (to !== undefined) ahead.set(to, (ahead.get(to) ?? 0n) + aheadMsat)
      else mostToUnknown = most(mostToUnknown, aheadMsat)
    }
    const spent = spending.total(now) + this.#heldMsat(() => true)
    if (dayMsat !== null && spent + dayAhead > dayMsat) return over('a day', 'day', dayMsat, dayAhead, spent)
    if (peerMsat === null) return null
    if (mostToUnknown > peerMsat) return over('a peer', 'peer', peerMsat, mostToUnknown, 0n)
    for (const [to, msat] of ahead) {
      const had = spending.to(to, now) + this.#heldMsat(payment => peerOf(payment) === to)
      if (had + msat > peerMsat) return over('a peer', 'peer', peerMsat, msat, had)
    }
    return null
  }

  /**
   * Counts a payment against the limits until the ledger has it as sent; throws OVER_LIMIT when it exceeds one. Call
   * the returned function once the payment is recorded or has failed.
   */
  hold(payment: Payment): () => void {
    const fault = this.faultOf(payment)
    if (fault) throw fault
    const key = payment.hash.toString('hex')
    this.#held.set(key, payment)
    return () => void this.#held.delete(key)
  }

  /** Paid and in flight for an agreement, with the fees, msat. */
  #spentOn(agreement: Buffer): Msat {
    const { ledger } = this.#options
    const { paidMsat, feesMsat, inFlightMsat } = ledger.totals(agreement)
    let spent = paidMsat + feesMsat + inFlightMsat
    if (inFlightMsat === 0n) return spent
    for (const payment of ledger.at(STEP.sent))
      if (payment.agreement.equals(agreement)) spent += payment.feeMsat
    return spent
  }

  #heldMsat(of: (payment: Payment) => boolean): Msat {
    let sum = 0n
    for (const payment of this.#held.values()) {
      if (of(payment) && this.#options.ledger.byHash(payment.hash)?.step !== STEP.sent)
        sum += payment.msat + this.feesOf([payment.msat])
    }
    return sum
  }
}

function over(per: string, option: string, limit: Msat, msat: Msat, spent: Msat): BushelError {
  const already =
    spent > 0n
      ? `, with ${formatAmount(spent)} ${per === 'a deal' ? 'paid on it before' : 'paid in the last 24 hours'},`
      : ''
  return new BushelError(
    'OVER_LIMIT',
    `${formatAmount(msat)}${already} would be over the limit of ${formatAmount(limit)} ${per}; nothing was paid`,
    `raise it with \`bushel wallet limits --${option} AMOUNT\`, or wait`
  )
}

function checked(settings: SpendingSettings): SpendingSettings {
  const { feePercent, feeMinMsat, dealMsat, dayMsat, peerMsat } = settings
  const negative = [feeMinMsat, dealMsat, dayMsat, peerMsat].some(limit => limit !== null && limit < 0n)
  if (negative)
    throw new BushelError(
      'BAD_INPUT',
      'a limit cannot be below 0; nothing was changed',
      'write it as "1000 sat"'
    )
  if (!(feePercent >= 0 && feePercent <= 100))
    throw new BushelError(
      'BAD_INPUT',
      `'${feePercent}' is not a percentage from 0 to 100`,
      'give the fee limit as a number from 0 to 100'
    )
  return settings
}

function written(settings: SpendingSettings): Buffer {
  return Buffer.from(
    JSON.stringify(settings, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))
  )
}

function parse(value: Buffer): SpendingSettings {
  const { dealMsat, dayMsat, peerMsat, feePercent, feeMinMsat } = JSON.parse(value.toString()) as Record<
    keyof SpendingSettings,
    string | null
  >
  const limit = (text: string | null): Msat | null => (text === null ? null : BigInt(text))
  return {
    dealMsat: limit(dealMsat),
    dayMsat: limit(dayMsat),
    peerMsat: limit(peerMsat),
    feePercent: Number(feePercent),
    feeMinMsat: BigInt(feeMinMsat!)
  }
}
