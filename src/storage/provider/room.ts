import type { Lease, Order, Terms } from '#spec'
import { BOUNDS } from '../../base/bounds/bounds.js'
import { billedBytes } from '../../../contracts/money/money.js'
import { orderId } from '../../../contracts/order.js'
import { agreementId } from '../../../contracts/terms.js'
import type { Counterparty } from '../../deal/channel.js'
import { UnpaidHolds } from '../../deal/unpaid-holds.js'
import type { Asking, UnpaidHold } from '../../deal/unpaid-holds.js'
import { DeclineError } from '../../deal/decline.js'
import { LEASE } from '../lease/lease-state.js'
import type { Leases } from '../lease/leases.js'
import { storage } from '../resource.js'

const FULL = 'the space of this offer is used up'

export interface RoomOptions {
  leases: Leases
  canReserve(bytes: number): Promise<boolean>
  now: () => number
  /** Ends an agreement that nobody paid; its invoices are refused. */
  release(hold: UnpaidHold): Promise<void>
}

/** What a lease needs of the space of an ask. */
export interface Need {
  /** 0 for one that follows a lease under the same ask: it takes over the space of that. */
  bytes: bigint
  /** The copy is on the disk already. */
  isKept: boolean
}

/** The space that a provider has for one more lease: what is paid for stays, what is not gives way. */
export class Room {
  readonly #options: RoomOptions
  readonly #unpaid: UnpaidHolds

  constructor(options: RoomOptions) {
    this.#options = options
    this.#unpaid = new UnpaidHolds(BOUNDS.unpaidLeases, options.now, options.release)
  }

  /** Agreements that are not paid, and the bytes that they hold. */
  get unpaid(): { count: number; bytes: number } {
    return { count: this.#unpaid.count, bytes: this.#unpaid.amount }
  }

  /** Takes in the agreements of an earlier process; of their addresses nothing is known. */
  load(): void {
    for (const { lease } of this.#options.leases.at('provider', LEASE.COUNTERSIGNED))
      this.#unpaid.add(this.#holdOf(lease.terms, null, lease.created))
  }

  /** Why a need cannot be met under this ask, for this buyer or for anybody who pays at once; null when it can. */
  async fault(order: Order, { bytes, isKept }: Need, from: Counterparty | null): Promise<string | null> {
    const asking = from && this.#askingOf(from, Number(bytes), orderId(order))
    if (asking) {
      const place = this.#unpaid.placeFault(asking)
      if (place) return place
    }
    if (bytes === 0n) return null
    const yielding = asking ? this.#unpaid.yielding(asking) : this.#unpaid.amountIn(poolOf(orderId(order)))
    if (this.#missing(order, bytes) > yielding) return FULL
    if (!isKept && !(await this.#options.canReserve(Number(bytes)))) return 'the disk has no room for it'
    return null
  }

  /** Ends what must give way to these terms. Declines when there is no room for them. */
  async make(order: Order, terms: Terms, need: Need, from: Counterparty): Promise<void> {
    const { bytes } = need
    const fault = await this.fault(order, need, from)
    if (fault) throw new DeclineError('NO_CAPACITY', fault)
    const missing = (): number => (bytes === 0n ? 0 : this.#missing(order, bytes))
    const asking = this.#askingOf(from, Number(bytes), terms.ask!)
    await this.#unpaid.makeRoom(asking, missing)
    // A payment at the last moment may have kept what had to give way.
    if (missing() > 0) throw new DeclineError('NO_CAPACITY', FULL)
  }

  /** The terms are about to be on disk, with nothing paid. */
  agreed(terms: Terms, { address }: Counterparty): void {
    this.#unpaid.add(this.#holdOf(terms, address, this.#options.now()))
  }

  /** A lease has changed. */
  changed(lease: Lease): void {
    if (lease.state !== LEASE.COUNTERSIGNED) this.#unpaid.delete(agreementId(lease.terms))
  }

  /** What is let of an ask, bytes. Agreements that nobody paid do not count: a stranger makes them for nothing. */
  letUnder(ask: Buffer): number {
    return this.#options.leases.sumsUnder(ask).bytes - this.#unpaid.amountIn(poolOf(ask))
  }

  /** Bytes that are missing for `bytes` more; none are when it is not positive. */
  #missing(order: Order, bytes: bigint): number {
    const reserved = BigInt(this.#options.leases.sumsUnder(orderId(order)).bytes)
    return Number(reserved + bytes - BigInt(storage.ask.decode(order.body).space))
  }

  #askingOf(
    { identity, device, address }: Omit<Counterparty, 'lightning'>,
    amount: number,
    ask: Buffer
  ): Asking {
    const isCustomer = this.#options.leases.dealings(device) !== null
    return { identity, address, amount, isCustomer, pool: poolOf(ask) }
  }

  #holdOf(terms: Terms, address: string | null, since: number): UnpaidHold {
    const { identity, device } = terms.buyer
    const asking = this.#askingOf(
      { identity: identity!, device: device!, address },
      terms.follows ? 0 : Number(billedBytes(terms.cores)),
      terms.ask!
    )
    return { ...asking, id: agreementId(terms), since }
  }
}

function poolOf(ask: Buffer): string {
  return ask.toString('hex')
}
