import type { Lease, Order, Terms } from '#spec'
import { orderId } from '../../../contracts/order.js'
import { agreementId } from '../../../contracts/terms.js'
import type { Counterparty } from '../../deal/channel.js'
import { DeclineError } from '../../deal/decline.js'
import type { Ledger } from '../../payment/ledger.js'
import { LEASE } from '../lease/lease-state.js'
import { endOf, installmentsOf } from '../lease/leases.js'
import type { Leases } from '../lease/leases.js'
import { sameCores } from '../shelf/lease-shelf.js'

/**
 * Leases that follow one another for the same copy: the next one is agreed and paid while the one before it runs, is kept in its
 * space, and begins where it ends. So a lease is extended without an upload.
 */
export class Succession {
  readonly #leases: Leases
  readonly #ledger: Ledger

  constructor(leases: Leases, ledger: Ledger) {
    this.#leases = leases
    this.#ledger = ledger
  }

  /** Why no lease can follow this one for this buyer, or null; with `terms`, also why these terms cannot. */
  fault(id: Buffer, from: Counterparty, terms?: Terms): string | null {
    const before = this.#leases.get('provider', id)
    if (!before || !this.#leases.buyerOf(before.terms).device!.equals(from.device) || !isKept(before))
      return 'this node keeps no such lease for this buyer'
    const next = this.#leases.successorOf('provider', id)
    // One that nobody has paid gives way: its buyer may not know of it, for an answer can be lost.
    if (next && next.state !== LEASE.COUNTERSIGNED) return 'another lease follows that one already'
    return terms && !isSameCopy(terms, before.terms) ? 'the lease that it follows is for another copy' : null
  }

  /** Whether the lease with this id is under this ask. */
  isUnder(id: Buffer, order: Order): boolean {
    return this.#leases.get('provider', id)?.terms.ask!.equals(orderId(order)) === true
  }

  /** Whether the copy of a lease is kept. */
  isKept(id: Buffer): boolean {
    const lease = this.#leases.get('provider', id)
    return lease !== null && isKept(lease)
  }

  /** The lease that follows and is not paid, which gives way to another one. */
  unpaid(id: Buffer): Lease | null {
    const next = this.#leases.successorOf('provider', id)
    return next?.state === LEASE.COUNTERSIGNED ? next : null
  }

  /** See `SealingOptions.before`. */
  before({ terms }: Lease): Lease | null {
    if (!terms.follows) return null
    const before = this.#leases.get('provider', terms.follows)
    if (!before || !isKept(before)) throw new DeclineError('ENDED', 'the lease before it is over')
    // Who had not paid it could have the time until its end for nothing.
    if (!this.#isPaidOut(before))
      throw new DeclineError('NOT_PAID', 'the lease before it is not paid to its end')
    return before
  }

  /**
   * The lease that follows one that ends at `now`, in the state in which it then is: STORED where it takes over, else as it
   * was, to be ended too. Null for none.
   */
  after(id: Buffer, now: number): Lease | null {
    const next = this.#leases.successorOf('provider', id)
    const before = this.#leases.get('provider', id)
    const isServed = before !== null && isKept(before) && endOf(before) <= now && this.#isPaidOut(before)
    const takesOver = next?.state === LEASE.NEXT && isServed
    return takesOver ? { ...next, state: LEASE.STORED } : next
  }

  #isPaidOut(lease: Lease): boolean {
    return this.#ledger.contiguous(agreementId(lease.terms)) === installmentsOf(lease).length
  }
}

function isKept({ state }: Lease): boolean {
  return state === LEASE.STORED || state === LEASE.GRACE
}

function isSameCopy(a: Terms, b: Terms): boolean {
  return (
    a.readKey!.equals(b.readKey!) &&
    a.buyer.identity!.equals(b.buyer.identity!) &&
    sameCores(a.cores, b.cores)
  )
}
