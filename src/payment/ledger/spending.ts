import type { FlightSum } from '#spec'
import type { Msat } from '../../../contracts/money/money.js'
import type { Store } from '../../store/store.js'
import type { Transaction } from '../../store/transaction.js'
import { byWallet, isSettled } from '../payment.js'
import type { Payment } from '../payment.js'
import { STEP } from '../payment-state.js'
import { flightTable, spentTable } from './tables.js'

const DAY = 24 * 3_600_000
/** Payments of one period are counted together, so a payment counts for a day and at most this much longer, ms. */
export const PERIOD = 30 * 60_000
const ALL_PEERS = Buffer.alloc(32)

/**
 * What was paid in the last 24 hours and is in flight, with the fees, in total and by peer, as it is on disk.
 *
 * A clock may go wrong in both directions, so nothing is deleted by it: what was paid at a time that is still to come
 * counts as well. In every 24 hours by the times of the entries that send them, payments stay within a limit that was
 * checked before each, whatever the clock said between.
 */
export class Spending {
  readonly #store: Store
  readonly #wallet: string

  constructor(store: Store, wallet: string) {
    this.#store = store
    this.#wallet = wallet
  }

  /** Paid in the 24 hours before `now`, or later by a clock that was ahead, and everything in flight, msat. */
  total(now: number): Msat {
    return this.#spent(ALL_PEERS, now)
  }

  /** The same, to one peer, by the name that `peerOf` gives it. */
  to(peer: string, now: number): Msat {
    return this.#spent(Buffer.from(peer, 'hex'), now)
  }

  /** How many payments to a peer are in flight. */
  inFlight(peer: string): number {
    return this.#flight(Buffer.from(peer, 'hex')).payments
  }

  #spent(peer: Buffer, now: number): Msat {
    let { msat: sum } = this.#flight(peer)
    const rows = this.#store.tableOnDisk(spentTable)
    const range = {
      gte: [this.#wallet, peer, periodOf(Math.max(0, now - DAY))],
      lte: [this.#wallet, peer]
    } as const
    for (const { value } of rows.list(range)) sum += value.msat
    return sum
  }

  #flight(peer: Buffer): FlightSum {
    return this.#store.tableOnDisk(flightTable).get([this.#wallet, peer]) ?? NOTHING
  }
}

const NOTHING: FlightSum = { msat: 0n, payments: 0 }

/** The number of the period of a time. */
function periodOf(at: number): number {
  return Math.floor(at / PERIOD)
}

/** The peer that a payment counts for: its identity, or its agreement when the identity is unknown. */
export function peerOf(payment: Pick<Payment, 'peer' | 'agreement'>): string {
  return peerKeyOf(payment).toString('hex')
}

function peerKeyOf({ peer, agreement }: Pick<Payment, 'peer' | 'agreement'>): Buffer {
  return peer ?? agreement
}

/** What a payment takes from the wallet: its amount and its fee, or the most that its fee may be. */
function costOf({ msat, feeMsat }: Payment): Msat {
  return msat + feeMsat
}

/** A change of what counts as spent to a peer. */
export interface SpendingChange {
  peer: Buffer
  /** Of payments in flight. */
  flight?: FlightSum
  /** Paid in a period. */
  paid?: { period: number; msat: Msat }
}

/** How a step of a payment changes what is spent; `before` is the payment before it. */
export function spendingChanges(before: Payment | null, payment: Payment): SpendingChange[] {
  if (payment.role !== 'payer') return []
  const left = before?.step === STEP.sent ? before : null
  const changes: SpendingChange[] = []
  if (left) changes.push({ peer: peerKeyOf(left), flight: { msat: -costOf(left), payments: -1 } })
  if (payment.step === STEP.sent)
    changes.push({ peer: peerKeyOf(payment), flight: { msat: costOf(payment), payments: 1 } })
  const { step, at } = payment
  if (step === STEP.paid && !(before && isSettled(before.step)) && (left || byWallet(payment))) {
    // The limits were checked at the time of sending; a clock that was set back since does not shorten the day.
    const period = periodOf(Math.max(at, left?.at ?? 0))
    changes.push({ peer: peerKeyOf(payment), paid: { period, msat: costOf(payment) } })
  }
  return changes.flatMap(change => [{ ...change, peer: ALL_PEERS }, change])
}

/** Takes in a step. */
export function spend(
  transaction: Transaction,
  wallet: string,
  before: Payment | null,
  payment: Payment
): void {
  for (const { peer, flight, paid } of spendingChanges(before, payment)) {
    if (flight) transaction.update(flightTable, [wallet, peer], sum => flightAfter(sum, flight))
    if (paid)
      transaction.update(spentTable, [wallet, peer, paid.period], sum => ({
        msat: (sum?.msat ?? 0n) + paid.msat
      }))
  }
}

/** The sum after a change; null when nothing is in flight any more. */
export function flightAfter(sum: FlightSum | null, change: FlightSum): FlightSum | null {
  const { msat, payments } = sum ?? NOTHING
  return payments + change.payments === 0
    ? null
    : { msat: msat + change.msat, payments: payments + change.payments }
}
