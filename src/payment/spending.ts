import type { Msat } from '../../contracts/money/money.js'
import { byWallet } from './payment.js'
import type { Payment } from './payment.js'
import { STEP } from './payment-state.js'

const DAY = 24 * 3_600_000

interface Spent {
  msat: Msat
  peer: string
  at: number
}

/** Running sums of payments made in the last 24 hours and in flight, in total and by peer. */
export class Spending {
  readonly #inFlight = new Map<string, Spent>()
  /** By hash, oldest first. */
  readonly #paid = new Map<string, Spent>()
  readonly #sums = new Map<string, Msat>()
  readonly #counts = new Map<string, number>()

  /** Takes in a step that is on disk. */
  apply(payment: Payment): void {
    const { step, role, msat, at, hash } = payment
    if (role !== 'payer' || (step !== STEP.sent && step !== STEP.paid && this.#inFlight.size === 0)) return
    const key = hash.toString('hex')
    if (step === STEP.sent) {
      if (this.#inFlight.has(key)) return
      const peer = peerOf(payment)
      this.#inFlight.set(key, { msat, peer, at })
      this.#add(peer, msat)
      this.#counts.set(peer, (this.#counts.get(peer) ?? 0) + 1)
      return
    }
    const left = this.#inFlight.get(key)
    if (!left) {
      if (step !== STEP.paid || !byWallet(payment) || this.#paid.has(key)) return
      const peer = peerOf(payment)
      this.#paid.set(key, { msat, peer, at })
      this.#add(peer, msat)
      return
    }
    this.#inFlight.delete(key)
    const count = this.#counts.get(left.peer)! - 1
    if (count > 0) this.#counts.set(left.peer, count)
    else this.#counts.delete(left.peer)
    if (step === STEP.paid && byWallet(payment)) this.#paid.set(key, { ...left, at })
    else this.#add(left.peer, -left.msat)
  }

  /** Paid in the 24 hours before `now`, and everything in flight, msat. */
  total(now: number): Msat {
    this.#forget(now)
    return this.#sums.get(ALL) ?? 0n
  }

  /** The same, to one peer. */
  to(peer: string, now: number): Msat {
    this.#forget(now)
    return this.#sums.get(peer) ?? 0n
  }

  /** How many payments to a peer are in flight. */
  inFlight(peer: string): number {
    return this.#counts.get(peer) ?? 0
  }

  #forget(now: number): void {
    for (const [key, { msat, peer, at }] of this.#paid) {
      if (at > now - DAY) return
      this.#paid.delete(key)
      this.#add(peer, -msat)
    }
  }

  #add(peer: string, msat: Msat): void {
    for (const key of [ALL, peer]) {
      const sum = (this.#sums.get(key) ?? 0n) + msat
      if (sum === 0n) this.#sums.delete(key)
      else this.#sums.set(key, sum)
    }
  }
}

const ALL = ''

/** The peer that a payment counts for: its identity, or its agreement when the identity is unknown. */
export function peerOf({ peer, agreement }: Pick<Payment, 'peer' | 'agreement'>): string {
  return (peer ?? agreement).toString('hex')
}
