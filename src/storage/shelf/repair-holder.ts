import type { Duplex } from 'node:stream'
import crypto from 'hypercore-crypto'
import { billedBytes } from '../../../contracts/money/money.js'
import { DAY } from '../../../contracts/money/quantity.js'
import type { Holder } from './holder.js'
import type { LeaseHolder } from './lease-holder.js'

/** What repairs may fetch of a copy in `REFILLED`, in sizes of it: those that break off are begun anew elsewhere. */
const SIZES = 3
/** Of which one device may fetch so much: a size, with some blocks that come twice. */
const SIZES_OF_ONE = 1.1
/** ms */
const REFILLED = 90 * DAY

/**
 * Lets another provider fetch a copy for which it shows a ticket of the owner. It counts by itself, so that readers who have
 * spent the egress of a lease do not keep it from being repaired; it is not announced, and goes on in the grace.
 */
export class RepairHolder implements Holder {
  readonly kind = 'repair'
  readonly id: string
  readonly complete = true
  readonly isGuest = true
  readonly takesIn = false
  readonly #lease: LeaseHolder
  readonly #admitted = new WeakSet<Duplex>()
  /** Of this device, in this process, bytes. */
  #used = 0
  #since = 0

  constructor(lease: LeaseHolder, device: Buffer) {
    this.id = crypto.hash([Buffer.from(lease.id), device]).toString('hex')
    this.#lease = lease
  }

  get cores(): LeaseHolder['cores'] {
    return this.#lease.cores
  }

  get group(): string {
    return this.#lease.group
  }

  egressLeft(): number {
    const size = Number(billedBytes(this.cores))
    const left = Math.min(SIZES * size - this.#lease.repairUsed, SIZES_OF_ONE * size - this.#used)
    return Math.max(0, left)
  }

  /** Admits a connection at `now`, ms since 1970; false when what repairs may fetch is used up. */
  admit(stream: Duplex, now: number): boolean {
    const lease = this.#lease
    if (lease.repairSince === 0 || now - lease.repairSince >= REFILLED) {
      lease.repairSince = now
      lease.repairUsed = 0
    }
    if (this.#since !== lease.repairSince) this.#used = 0
    this.#since = lease.repairSince
    if (this.egressLeft() === 0) return false
    this.#admitted.add(stream)
    return true
  }

  mayRead(stream: Duplex): boolean {
    return this.#admitted.has(stream)
  }

  charge(bytes: number): void {
    this.#used += bytes
    this.#lease.repairUsed += bytes
  }

  completed(): void {
    // it takes nothing in
  }

  violated(): void {
    // it takes nothing in
  }

  save(): Promise<void> {
    return this.#lease.save()
  }

  /** What it counts is in the file of the lease. */
  forget(): Promise<void> {
    return Promise.resolve()
  }
}
