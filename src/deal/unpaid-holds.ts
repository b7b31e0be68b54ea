import { networkOf } from '../base/bounds/address.js'
import type { Bound } from '../base/bounds/bounds.js'
import { UNPAID } from '../base/bounds/bounds.js'
import { KeyedTokenBuckets, TokenBucket } from '../base/token-bucket.js'
import { DeclineError } from './decline.js'

/** Addresses whose rate of agreements is remembered. */
const MOST_ADDRESSES = 4096

/** Who asks for an agreement, and how much of the provider's goods it would hold. */
export interface Asking {
  identity: Buffer
  /** Null: on this machine. */
  address: string | null
  /** It has paid before, or pays. */
  isCustomer: boolean
  amount: number
  /** What the amount is taken from; only holds of the same make room for one another. */
  pool?: string
}

/** What an agreement holds that is not paid yet. */
export interface UnpaidHold extends Asking {
  id: Buffer
  /** ms since 1970. */
  since: number
}

/**
 * What agreements hold before anything was paid for them. A signature costs nothing, so a hold is short, and gives way to
 * others: to customers at once; to strangers once it is old, or when its address (on this machine its identity) holds
 * more than the new one would.
 */
export class UnpaidHolds {
  readonly #bound: Bound
  readonly #now: () => number
  readonly #release: (hold: UnpaidHold) => Promise<void>
  readonly #holds = new Map<string, UnpaidHold>()
  readonly #fromAddress: KeyedTokenBuckets
  readonly #fromAll: TokenBucket
  readonly #fromNetwork: KeyedTokenBuckets
  readonly #fromNewcomers: TokenBucket

  /** `release` ends an agreement; the hold is removed when the agreement is over, or was paid at the last moment. */
  constructor(bound: Bound, now: () => number, release: (hold: UnpaidHold) => Promise<void>) {
    this.#bound = bound
    this.#now = now
    this.#release = release
    this.#fromAddress = new KeyedTokenBuckets(UNPAID.addressRate, MOST_ADDRESSES, now)
    this.#fromAll = new TokenBucket(UNPAID.allRate, now)
    this.#fromNetwork = new KeyedTokenBuckets(UNPAID.networkRate, MOST_ADDRESSES, now)
    this.#fromNewcomers = new TokenBucket(UNPAID.newcomerRate, now)
  }

  get count(): number {
    return this.#holds.size
  }

  get amount(): number {
    return amountOf(this.#holds.values())
  }

  /** What is held of one pool. */
  amountIn(pool: string): number {
    return amountOf([...this.#holds.values()].filter(hold => hold.pool === pool))
  }

  add(hold: UnpaidHold): void {
    this.#holds.set(hold.id.toString('hex'), hold)
  }

  /** It was paid, or is over. */
  delete(id: Buffer): void {
    this.#holds.delete(id.toString('hex'))
  }

  /** The amount that would be freed for this one if it were needed. */
  yielding(asking: Asking): number {
    return amountOf(this.#givingWay(asking).filter(({ pool }) => pool === asking.pool))
  }

  /** Why there is no place for one more unpaid agreement, though others give way; null when there is one. */
  placeFault(asking: Asking): string | null {
    const going = new Set(this.#givingWay(asking))
    return this.#faultBeside(
      [...this.#holds.values()].filter(hold => !going.has(hold)),
      asking
    )
  }

  /** Why there is no place for one more beside these. */
  #faultBeside(staying: readonly UnpaidHold[], asking: Asking): string | null {
    const { peer, address, all } = this.#bound
    if (staying.filter(({ identity }) => identity.equals(asking.identity)).length >= peer!)
      return 'this buyer has too many agreements that are not paid'
    const near = staying.filter(hold => asking.address !== null && hold.address === asking.address)
    if (near.length >= address! && !asking.isCustomer)
      return 'the address of this buyer has too many agreements that are not paid'
    return staying.length >= all! ? 'too many agreements are not paid' : null
  }

  /**
   * Takes a place for one more: ends others until there is one and `missing` says that no amount is missing. Declines when
   * that is not enough, or strangers agree too often.
   */
  async makeRoom(asking: Asking, missing: () => number): Promise<void> {
    const fault = this.placeFault(asking)
    if (fault) throw new DeclineError('NO_CAPACITY', fault)
    this.#spend(asking)
    for (const hold of this.#givingWay(asking)) {
      const isPlaced = this.#faultBeside([...this.#holds.values()], asking) === null
      if (isPlaced && missing() <= 0) return
      if (isPlaced && hold.pool !== asking.pool) continue
      await this.#release(hold)
    }
  }

  #spend({ address, isCustomer }: Asking): void {
    if (isCustomer) return
    const near = address === null || this.#fromAddress.charge(Buffer.from(address))
    // Who agrees again and again spends what all strangers share, and not the part of newcomers.
    const isNew = address !== null && this.#fromNetwork.charge(Buffer.from(networkOf(address)))
    if (!near || !(this.#fromAll.spend() || (isNew && this.#fromNewcomers.spend())))
      throw new DeclineError('NO_CAPACITY', 'strangers make too many agreements; try again later')
  }

  /** The holds that would go for this one, those of the greatest holder first, then the oldest. */
  #givingWay(asking: Asking): UnpaidHold[] {
    const groups = new Map<string, number>()
    for (const hold of this.#holds.values())
      groups.set(groupOf(hold), (groups.get(groupOf(hold)) ?? 0) + hold.amount)
    const wanted = (groups.get(groupOf(asking)) ?? 0) + asking.amount
    const weightOf = (hold: UnpaidHold): number => groups.get(groupOf(hold))!
    const goes = (hold: UnpaidHold): boolean => {
      if (this.#now() - hold.since >= UNPAID.keepsMs) return true
      if (hold.isCustomer) return false
      return asking.isCustomer || weightOf(hold) > wanted
    }
    return [...this.#holds.values()]
      .filter(goes)
      .sort((a, b) => weightOf(b) - weightOf(a) || a.since - b.since)
  }
}

function groupOf({ address, identity }: Asking): string {
  return address ?? identity.toString('hex')
}

function amountOf(holds: Iterable<UnpaidHold>): number {
  let sum = 0
  for (const { amount } of holds) sum += amount
  return sum
}
