import { BushelError } from '../../contracts/errors/error.js'
import { formatAmount, most } from '../../contracts/money/money.js'
import type { Msat } from '../../contracts/money/money.js'
import type { Ledger, Payment } from './ledger.js'
import { peerOf } from './spending.js'

/** What may be paid; null is no limit. */
export interface SpendingSettings {
  /** To one agreement, in all. */
  dealMsat: Msat | null
  /** In 24 hours, in all: what is paid and what is in flight, without fees. */
  dayMsat: Msat | null
  /** In 24 hours, to one peer. */
  peerMsat: Msat | null
  /** Most of a payment that may go for its fee, percent ... */
  feePercent: number
  /** ... but so much always may. */
  feeMinMsat: Msat
}

const FEES = { feePercent: 1, feeMinMsat: 5_000n }

export const DEFAULT_LIMITS: Record<'play' | 'real', SpendingSettings> = {
  play: { dealMsat: null, dayMsat: null, peerMsat: null, ...FEES },
  real: { dealMsat: 10_000_000n, dayMsat: 50_000_000n, peerMsat: 20_000_000n, ...FEES }
}

/** Where the settings are kept: `Facts`, or what is like them. */
export interface LimitFacts {
  get(kind: string, key: Buffer): Buffer | null
  set(...changes: { kind: string; key: Buffer; value: Buffer | null }[]): Promise<void>
}

export interface LimitOptions {
  ledger: Ledger
  /** True for a wallet of real sats. */
  real: boolean
  facts?: LimitFacts | null
  now?: () => number
}

/** What is to be paid: the whole of an agreement before it is signed, or one payment before it is sent. */
export interface Spend {
  msat: Msat
  agreement?: Buffer
  peer?: Buffer | null
}

/** An agreement that is about to be made, or paid on. */
export interface PlannedSpending {
  /** Identity of the provider. */
  peer: Buffer
  /** The whole of it, msat. */
  chargeMsat: Msat
  /** Of it, what is to be paid in advance and is not paid yet. */
  aheadMsat: Msat
}

const KIND = 'limits'

/** Bounds on what the node pays, whoever asks for it. Checked before a payment is sent, and before one is agreed to. */
export class SpendingLimits {
  readonly #options: LimitOptions
  readonly #now: () => number
  /** Payments that have passed and are not in the ledger as sent yet. */
  readonly #held = new Map<string, Payment>()

  constructor(options: LimitOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  get #defaults(): SpendingSettings {
    return DEFAULT_LIMITS[this.#options.real ? 'real' : 'play']
  }

  get settings(): SpendingSettings {
    const value = this.#options.facts?.get(KIND, this.#key)
    return value ? { ...this.#defaults, ...parse(value) } : this.#defaults
  }

  /** Settings of play money and of real sats are kept apart. */
  get #key(): Buffer {
    return Buffer.from(this.#options.real ? 'real' : 'play')
  }

  /** Changes what is given; in force, and on disk, when it resolves. */
  async set(changes: Partial<SpendingSettings>): Promise<SpendingSettings> {
    const settings = checked({ ...this.settings, ...changes })
    await this.#options.facts?.set({ kind: KIND, key: this.#key, value: written(settings) })
    return settings
  }

  /** The most that may be paid in fees for a payment. */
  maxFeeMsat(msat: Msat): Msat {
    const { feePercent, feeMinMsat } = this.settings
    return most((msat * BigInt(Math.round(feePercent * 100))) / 10_000n, feeMinMsat)
  }

  /** Why so much may not be paid, or null. */
  faultOf({ msat, agreement, peer = null }: Spend): BushelError | null {
    const { ledger } = this.#options
    const { dealMsat, dayMsat, peerMsat } = this.settings
    const now = this.#now()
    if (dealMsat !== null) {
      const totals = agreement && ledger.totals(agreement)
      const spent = totals ? totals.paidMsat + totals.inFlightMsat : 0n
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
   * Why these agreements may not be made, or null: the whole of each is held against the limit of a deal, and what is
   * to be paid in advance against those of a day and of its peer.
   */
  faultOfPlans(plans: readonly PlannedSpending[]): BushelError | null {
    const { dealMsat, dayMsat, peerMsat } = this.settings
    const now = this.#now()
    const { spending } = this.#options.ledger
    const ahead = new Map<string, Msat>()
    let dayAhead = 0n
    for (const { peer, chargeMsat, aheadMsat } of plans) {
      if (dealMsat !== null && chargeMsat > dealMsat) return over('a deal', 'deal', dealMsat, chargeMsat, 0n)
      const to = peer.toString('hex')
      ahead.set(to, (ahead.get(to) ?? 0n) + aheadMsat)
      dayAhead += aheadMsat
    }
    const spent = spending.total(now) + this.#heldMsat(() => true)
    if (dayMsat !== null && spent + dayAhead > dayMsat) return over('a day', 'day', dayMsat, dayAhead, spent)
    if (peerMsat === null) return null
    for (const [to, msat] of ahead) {
      const had = spending.to(to, now) + this.#heldMsat(payment => peerOf(payment) === to)
      if (had + msat > peerMsat) return over('a peer', 'peer', peerMsat, msat, had)
    }
    return null
  }

  /**
   * Holds room for a payment until it is in the ledger as sent; throws OVER_LIMIT where there is none. Call what it
   * gives when the payment is recorded, or was not.
   */
  hold(payment: Payment): () => void {
    const fault = this.faultOf(payment)
    if (fault) throw fault
    const key = payment.hash.toString('hex')
    this.#held.set(key, payment)
    return () => void this.#held.delete(key)
  }

  #heldMsat(of: (payment: Payment) => boolean): Msat {
    let sum = 0n
    for (const payment of this.#held.values()) {
      if (of(payment) && this.#options.ledger.byHash(payment.hash)?.step !== 'sent') sum += payment.msat
    }
    return sum
  }
}

function over(per: string, option: string, limit: Msat, msat: Msat, spent: Msat): BushelError {
  const already =
    spent > 0n
      ? ` after ${formatAmount(spent)} that ${per === 'a deal' ? 'it' : 'the last 24 hours'} had`
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
    throw new BushelError('BAD_INPUT', 'a limit is an amount of 0 or more', 'write it as "1000 sat"')
  if (!(feePercent >= 0 && feePercent <= 100))
    throw new BushelError(
      'BAD_INPUT',
      `${feePercent} is no percentage`,
      'a fee limit is between 0 and 100 percent'
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
