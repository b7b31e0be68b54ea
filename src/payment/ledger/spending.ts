import type { SpentPayment } from '#spec'
import type { Msat } from '../../../contracts/money/money.js'
import type { Store } from '../../store/store.js'
import type { Transaction } from '../../store/transaction.js'
import { byWallet } from '../payment.js'
import type { Payment } from '../payment.js'
import { STEP } from '../payment-state.js'
import { spendingTable, spentTable } from './tables.js'

const DAY = 24 * 3_600_000
export const ALL_PEERS = Buffer.alloc(32)
/** Most payments that one step forgets, so that it stays short after a long pause. */
const FORGOTTEN_AT_ONCE = 16

/** What was paid in the last 24 hours and is in flight, in total and by peer, as it is on disk. */
export class Spending {
  readonly #store: Store
  readonly #wallet: string

  constructor(store: Store, wallet: string) {
    this.#store = store
    this.#wallet = wallet
  }

  /** Paid in the 24 hours before `now`, and everything in flight, msat. */
  total(now: number): Msat {
    const { msat } = this.#sumOf(ALL_PEERS)
    if (msat === 0n) return 0n
    const rows = this.#store.tableOnDisk(spentTable)
    const old = rows.by('paid', { gte: [this.#wallet], lte: [this.#wallet, before(now)] })
    return less(msat, old)
  }

  /** The same, to one peer, by the name that `peerOf` gives it. */
  to(peer: string, now: number): Msat {
    const key = Buffer.from(peer, 'hex')
    const { msat } = this.#sumOf(key)
    if (msat === 0n) return 0n
    const rows = this.#store.tableOnDisk(spentTable)
    const old = rows.by('paidTo', { gte: [this.#wallet, key], lte: [this.#wallet, key, before(now)] })
    return less(msat, old)
  }

  /** How many payments to a peer are in flight. */
  inFlight(peer: string): number {
    return this.#sumOf(Buffer.from(peer, 'hex')).inFlight
  }

  #sumOf(peer: Buffer): { msat: Msat; inFlight: number } {
    return this.#store.tableOnDisk(spendingTable).get([this.#wallet, peer]) ?? { msat: 0n, inFlight: 0 }
  }
}

/** The last time of which a payment no longer counts. */
function before(now: number): number {
  return Math.max(0, now - DAY)
}

function less(sum: Msat, rows: Iterable<{ value: SpentPayment }>): Msat {
  for (const { value } of rows) sum -= value.msat
  return sum
}

/** The peer that a payment counts for: its identity, or its agreement when the identity is unknown. */
export function peerOf({ peer, agreement }: Pick<Payment, 'peer' | 'agreement'>): string {
  return (peer ?? agreement).toString('hex')
}

/** Takes in a step, and forgets payments that were made more than a day before it. */
export function spend(transaction: Transaction, wallet: string, payment: Payment): void {
  if (payment.role !== 'payer') return
  const row = transaction.table(spentTable).get([wallet, payment.hash])
  const next = spentAfter(row, payment)
  if (next !== row) set(transaction, [wallet, payment.hash], row, next)
  const old = transaction.table(spentTable).by('paid', {
    gte: [wallet],
    lte: [wallet, before(payment.at)],
    limit: FORGOTTEN_AT_ONCE
  })
  for (const { key, value } of [...old]) set(transaction, key, value, null)
}

/** What counts as spent for a payment after a step; null when nothing does. */
export function spentAfter(row: SpentPayment | null, payment: Payment): SpentPayment | null {
  const { step, msat, at } = payment
  const peer = payment.peer ?? payment.agreement
  if (step === STEP.sent) return row ?? { peer, msat }
  if (row?.paidAt) return row
  if (step === STEP.paid && byWallet(payment)) return { peer: row?.peer ?? peer, msat, paidAt: at }
  return null
}

function set(
  transaction: Transaction,
  key: readonly [string, Buffer],
  row: SpentPayment | null,
  next: SpentPayment | null
): void {
  const [wallet, hash] = key
  for (const peer of [ALL_PEERS, (next ?? row)!.peer!]) {
    const sum = transaction.table(spendingTable).get([wallet, peer]) ?? { msat: 0n, inFlight: 0 }
    const msat = sum.msat - (row?.msat ?? 0n) + (next?.msat ?? 0n)
    const inFlight = sum.inFlight - flying(row) + flying(next)
    if (msat === 0n && inFlight === 0) transaction.delete(spendingTable, [wallet, peer])
    else transaction.put(spendingTable, [wallet, peer], { msat, inFlight })
  }
  if (next) transaction.put(spentTable, [wallet, hash], next)
  else transaction.delete(spentTable, [wallet, hash])
}

function flying(row: SpentPayment | null): number {
  return row && !row.paidAt ? 1 : 0
}
